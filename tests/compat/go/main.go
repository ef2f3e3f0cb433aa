// Uses a broker through franz-go and sarama as programs do; ends with a message where it is not as Kafka's is.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const count = 300

var timeout = 40 * time.Second

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func must(holds bool, format string, arguments ...any) {
	if !holds {
		check(fmt.Errorf(format, arguments...), "wrong")
	}
}

func main() {
	server, what, name := os.Args[1], os.Args[2], os.Args[3]
	context, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	switch what {
	case "franz":
		franz(context, server, name)
	case "franz-transactions":
		franzTransactions(context, server, name)
	case "sarama":
		saramaRoundtrip(context, server, name)
	case "sarama-transactions":
		saramaTransactions(server, name)
	default:
		must(false, "there is no program %s", what)
	}
	fmt.Println("done")
}

func client(server string, options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append(options, kgo.SeedBrokers(server))...)
	check(err, "client")
	return made
}

func take(context context.Context, client *kgo.Client, wanted int) []*kgo.Record {
	var out []*kgo.Record
	for len(out) < wanted {
		fetches := client.PollFetches(context)
		for _, failed := range fetches.Errors() {
			check(failed.Err, "fetch")
		}
		out = append(out, fetches.Records()...)
	}
	must(len(out) == wanted, "wanted %d records, got %d", wanted, len(out))
	return out
}

func franz(context context.Context, server, name string) {
	producer := client(server)
	defer producer.Close()
	admin := kadm.NewClient(producer)
	created, err := admin.CreateTopics(context, 3, 1, nil, name)
	check(err, "create")
	check(created.Error(), "create")
	var records []*kgo.Record
	for i := 0; i < count; i++ {
		records = append(records, &kgo.Record{Topic: name, Key: []byte{byte('a' + i%7)}, Value: []byte(fmt.Sprint(i))})
	}
	check(producer.ProduceSync(context, records...).FirstErr(), "produce")
	consumer := client(server, kgo.ConsumeTopics(name), kgo.ConsumerGroup(name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	seen := map[string]bool{}
	for _, record := range take(context, consumer, count) {
		seen[string(record.Value)] = true
	}
	must(len(seen) == count, "%d different values", len(seen))
	check(consumer.CommitUncommittedOffsets(context), "commit")
	described, err := admin.DescribeGroups(context, name)
	check(err, "describe groups")
	must(described[name].State == "Stable", "group is %v", described[name])
	consumer.Close()
	lag, err := admin.Lag(context, name)
	check(err, "lag")
	must(lag[name].Lag.Total() == 0, "lag %v", lag[name].Lag)
	ends, err := admin.ListEndOffsets(context, name)
	check(err, "end offsets")
	check(ends.Error(), "end offsets")
	_, err = admin.AlterTopicConfigs(context, []kadm.AlterConfig{{Name: "retention.ms", Value: kadm.StringPtr("60000")}}, name)
	check(err, "alter configs")
	configs, err := admin.DescribeTopicConfigs(context, name)
	check(err, "describe configs")
	found, err := configs.On(name, nil)
	check(err, "configs of the topic")
	for _, config := range found.Configs {
		must(config.Key != "retention.ms" || config.MaybeValue() == "60000", "retention.ms is %s", config.MaybeValue())
	}
	deleted, err := admin.DeleteGroups(context, name)
	check(err, "delete group")
	check(deleted.Error(), "delete group")
	_, err = admin.DeleteTopics(context, name)
	check(err, "delete topic")
}

func franzTransactions(context context.Context, server, name string) {
	plain := client(server, kgo.DefaultProduceTopic(name+"-in"), kgo.AllowAutoTopicCreation())
	defer plain.Close()
	for i := 0; i < count; i++ {
		plain.Produce(context, kgo.StringRecord(fmt.Sprint(i)), func(_ *kgo.Record, err error) { check(err, "produce") })
	}
	check(plain.Flush(context), "flush")
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(server), kgo.TransactionalID(name),
		kgo.ConsumeTopics(name+"-in"), kgo.ConsumerGroup(name), kgo.DefaultProduceTopic(name+"-out"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AllowAutoTopicCreation(), kgo.RequireStableFetchOffsets())
	check(err, "session")
	done := 0
	for attempt := 0; done < count; attempt++ {
		fetches := session.PollRecords(context, 100)
		for _, failed := range fetches.Errors() {
			check(failed.Err, "fetch")
		}
		if fetches.Empty() {
			continue
		}
		check(session.Begin(), "begin")
		wanted := attempt%2 == 1
		sent := func(_ *kgo.Record, err error) {
			if wanted { // aborting drops what has not been sent
				check(err, "produce")
			}
		}
		for _, record := range fetches.Records() {
			session.Produce(context, kgo.SliceRecord(record.Value), sent)
		}
		committed, err := session.End(context, kgo.TransactionEndTry(wanted))
		check(err, "end")
		must(committed == wanted, "committed: %t", committed)
		if committed {
			done += fetches.NumRecords()
		}
	}
	session.Close()
	reader := client(server, kgo.ConsumeTopics(name+"-out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	seen := map[string]bool{}
	for _, record := range take(context, reader, count) {
		seen[string(record.Value)] = true
	}
	must(len(seen) == count, "%d different values", len(seen))
	older := client(server, kgo.TransactionalID(name+"-fence"), kgo.DefaultProduceTopic(name+"-out"))
	defer older.Close()
	check(older.BeginTransaction(), "begin")
	check(older.ProduceSync(context, kgo.StringRecord("older")).FirstErr(), "produce")
	newer := client(server, kgo.TransactionalID(name+"-fence"))
	defer newer.Close()
	_, _, err = newer.ProducerID(context)
	check(err, "newer producer")
	err = older.EndTransaction(context, kgo.TryCommit)
	must(errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch), "not fenced but %v", err)
}

func config(isolation sarama.IsolationLevel) *sarama.Config {
	out := sarama.NewConfig()
	out.Version = sarama.V3_6_0_0
	out.Producer.Return.Successes = true
	out.Producer.RequiredAcks = sarama.WaitForAll
	out.Producer.Idempotent = true
	out.Net.MaxOpenRequests = 1
	out.Consumer.Offsets.Initial = sarama.OffsetOldest
	out.Consumer.IsolationLevel = isolation
	return out
}

type collector struct {
	wanted int
	found  chan string
}

func (collector) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (collector) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (c collector) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, more := <-claim.Messages():
			if !more {
				return nil
			}
			session.MarkMessage(message, "")
			c.found <- string(message.Value)
		case <-session.Context().Done():
			return nil
		}
	}
}

func saramaTake(context context.Context, server, topic string, wanted int) []string {
	group, err := sarama.NewConsumerGroup([]string{server}, topic, config(sarama.ReadCommitted))
	check(err, "group")
	defer group.Close()
	found := make(chan string, wanted+10)
	go func() { _ = group.Consume(context, []string{topic}, collector{wanted, found}) }()
	var out []string
	for len(out) < wanted {
		select {
		case value := <-found:
			out = append(out, value)
		case <-context.Done():
			must(false, "only %d of %d records", len(out), wanted)
		}
	}
	sort.Strings(out)
	return out
}

func saramaRoundtrip(context context.Context, server, name string) {
	admin, err := sarama.NewClusterAdmin([]string{server}, config(sarama.ReadUncommitted))
	check(err, "admin")
	defer admin.Close()
	check(admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false), "create")
	producer, err := sarama.NewSyncProducer([]string{server}, config(sarama.ReadUncommitted))
	check(err, "producer")
	for i := 0; i < count; i++ {
		_, _, err = producer.SendMessage(&sarama.ProducerMessage{
			Topic: name, Key: sarama.StringEncoder(fmt.Sprint(i % 7)), Value: sarama.StringEncoder(fmt.Sprint(i))})
		check(err, "send")
	}
	check(producer.Close(), "close")
	must(len(saramaTake(context, server, name, count)) == count, "records")
	topics, err := admin.ListTopics()
	check(err, "list topics")
	must(topics[name].NumPartitions == 3, "%v", topics[name])
	groups, err := admin.ListConsumerGroups()
	check(err, "list groups")
	_, known := groups[name]
	must(known, "groups are %v", groups)
	check(admin.DeleteConsumerGroup(name), "delete group")
	check(admin.DeleteTopic(name), "delete topic")
}

func saramaTransactions(server, name string) {
	settings := config(sarama.ReadUncommitted)
	settings.Producer.Transaction.ID = name
	producer, err := sarama.NewSyncProducer([]string{server}, settings)
	check(err, "producer")
	for number := 0; number < 4; number++ {
		check(producer.BeginTxn(), "begin")
		for i := 0; i < 10; i++ {
			_, _, err = producer.SendMessage(&sarama.ProducerMessage{
				Topic: name, Value: sarama.StringEncoder(fmt.Sprint(number))})
			check(err, "send")
		}
		if number%2 == 0 {
			check(producer.CommitTxn(), "commit")
		} else {
			check(producer.AbortTxn(), "abort")
		}
	}
	check(producer.Close(), "close")
	context, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for _, value := range saramaTake(context, server, name, 20) {
		must(value == "0" || value == "2", "read %s, which was aborted", value)
	}
}
