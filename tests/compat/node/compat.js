// Uses a broker through KafkaJS as programs do; ends with an error where it is not as Kafka's is.
'use strict'
const assert = require('node:assert')
const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')

const [server, what, name] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [server], clientId: name, logLevel: logLevel.ERROR })
const COUNT = 200

async function take(topic, groupId, wanted, readUncommitted = false) {
  const consumer = kafka.consumer({ groupId, readUncommitted })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const found = []
  await new Promise((resolve, reject) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        found.push(message.value.toString())
        if (found.length === wanted) resolve()
      },
    })
    setTimeout(() => reject(new Error(`only ${found.length} of ${wanted} records`)), 30000).unref()
  })
  await consumer.disconnect()
  assert.strictEqual(found.length, wanted)
  return found
}

async function roundtrip() {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: name, numPartitions: 3 }] })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const messages = Array.from({ length: COUNT / 2 }, (_, i) => ({ key: `${i % 7}`, value: `${compression}-${i}` }))
    await producer.send({ topic: name, compression, messages, acks: -1 })
  }
  await producer.disconnect()
  assert.strictEqual(new Set(await take(name, name, COUNT)).size, COUNT)
  const offsets = await admin.fetchTopicOffsets(name)
  assert.strictEqual(offsets.reduce((sum, place) => sum + Number(place.offset), 0), COUNT)
  const { groups } = await admin.describeGroups([name])
  assert.strictEqual(groups[0].state, 'Empty')
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      { type: ConfigResourceTypes.TOPIC, name, configEntries: [{ name: 'retention.ms', value: '60000' }] },
    ],
  })
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name, configNames: ['retention.ms'] }],
  })
  assert.strictEqual(resources[0].configEntries[0].configValue, '60000')
  await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '1' }] })
  await admin.deleteGroups([name])
  await admin.deleteTopics({ topics: [name] })
  await admin.disconnect()
}

async function transactions() {
  const producer = kafka.producer({ transactionalId: name, maxInFlightRequests: 1, idempotent: true })
  await producer.connect()
  for (let number = 0; number < 4; number++) {
    const transaction = await producer.transaction()
    await transaction.send({ topic: name, messages: Array.from({ length: 10 }, () => ({ value: `${number}` })) })
    await transaction.sendOffsets({
      consumerGroupId: `${name}-offsets`,
      topics: [{ topic: name, partitions: [{ partition: 0, offset: `${number}` }] }],
    })
    if (number % 2) await transaction.abort()
    else await transaction.commit()
  }
  await producer.disconnect()
  assert.deepStrictEqual(new Set(await take(name, name, 20)), new Set(['0', '2']))
  const admin = kafka.admin()
  await admin.connect()
  const [{ partitions }] = await admin.fetchOffsets({ groupId: `${name}-offsets`, topics: [name] })
  assert.strictEqual(partitions[0].offset, '2')
  await admin.disconnect()
}

const program = { roundtrip, transactions }[what]
program().then(
  () => console.log('done'),
  (error) => {
    console.error(error)
    process.exit(1)
  }
)
