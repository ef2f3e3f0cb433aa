"""Client quotas: which rule holds for whom, what is charged, and how a client is made to wait."""

from __future__ import annotations

import asyncio

import pytest

from headwater.broker import quotas
from headwater.broker.errors import Code
from headwater.broker.quotas import CLIENT_ID, IP, USER, WINDOW, Bucket, Entity, InvalidQuotaError, Quotas
from headwater.core.errors import StartupError
from headwater.log.log import Log
from headwater.log.storage import MemoryStorage
from headwater.wire.messages import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
    DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
    ProduceRequest,
    ProduceResponse,
)
from headwater.wire.records import build_batch
from tests.broker.server import RawClient, running_broker
from tests.broker.support import ManualTime


def made(rules: dict[Entity, dict[str, float]], time: ManualTime | None = None, log: Log | None = None) -> Quotas:
    time = time or ManualTime()
    if log is None:
        log = Log(MemoryStorage(), time)
        log.open()
    found = Quotas(log, time)
    found.change(rules)
    return found


ALL: dict[Entity, dict[str, float]] = {
    ((CLIENT_ID, "app"), (USER, "ann")): {quotas.PRODUCE: 1},
    ((CLIENT_ID, None), (USER, "ann")): {quotas.PRODUCE: 2},
    ((USER, "ann"),): {quotas.PRODUCE: 3, quotas.FETCH: 33},
    ((CLIENT_ID, "app"), (USER, None)): {quotas.PRODUCE: 4},
    ((CLIENT_ID, None), (USER, None)): {quotas.PRODUCE: 5},
    ((USER, None),): {quotas.PRODUCE: 6},
    ((CLIENT_ID, "app"),): {quotas.PRODUCE: 7},
    ((CLIENT_ID, None),): {quotas.PRODUCE: 8},
}


def test_the_most_specific_rule_that_has_the_quota_holds() -> None:
    left = dict(ALL)
    for user, client in [("ann", "app"), ("ann", "x"), ("ann", "x"), ("bob", "app"), ("bob", "x"), ("bob", "x")]:
        rate = next(iter(left.values()))[quotas.PRODUCE]
        found = made(left)
        assert found.charge(quotas.PRODUCE, user, client, rate * (WINDOW + 1)) == pytest.approx(1)
        del left[next(iter(left))]
    assert made(ALL).charge(quotas.FETCH, "ann", "app", 33 * (WINDOW + 2)) == pytest.approx(2)
    assert made(ALL).charge(quotas.FETCH, "bob", "app", 1e9) == 0


def test_a_quota_of_all_is_one_for_each_and_a_users_is_shared_by_its_clients() -> None:
    each = made({((CLIENT_ID, None),): {quotas.PRODUCE: 10}})
    assert each.charge(quotas.PRODUCE, "", "a", 1_000) > 0
    assert each.charge(quotas.PRODUCE, "", "b", 10) == 0
    shared = made({((USER, "ann"),): {quotas.PRODUCE: 10}})
    assert shared.charge(quotas.PRODUCE, "ann", "a", 1_000) > 0
    assert shared.wait(quotas.PRODUCE, "ann", "b") > 0
    assert shared.wait(quotas.PRODUCE, "bob", "b") == 0


def test_a_bucket_empties_at_its_rate() -> None:
    bucket = Bucket(rate=100)
    assert bucket.charge(100 * WINDOW, 0) == 0, "so much at once is allowed"
    assert bucket.charge(300, 0) == pytest.approx(3)
    assert bucket.wait(1) == pytest.approx(2)
    assert bucket.wait(3) == 0
    assert bucket.charge(100 * WINDOW, 1_000) == 0


def test_a_request_waits_a_second_at_most_for_time() -> None:
    found = made({((CLIENT_ID, None),): {quotas.REQUEST: 1}})
    assert found.charge(quotas.REQUEST, "", "a", 1_000_000) == 1


def test_nobody_is_shut_out_for_days() -> None:
    found = made({((USER, None),): {quotas.PRODUCE: 1}, ((IP, None),): {quotas.CONNECT: 1}})
    assert found.charge(quotas.PRODUCE, "ann", "", 1e12) == quotas.MAX_WAIT
    assert [found.connected("::1") for _ in range(12)][-1] == pytest.approx(2)


def test_rules_survive_a_restart_and_damage_is_told() -> None:
    time = ManualTime()
    log = Log(MemoryStorage(), time)
    log.open()
    made(ALL, time, log).change({((USER, None),): {quotas.PRODUCE: None}, ((IP, None),): {quotas.CONNECT: 5}})
    after = Quotas(log, time)
    after.load()
    expected = {entity: rule for entity, rule in ALL.items() if entity != ((USER, None),)}
    assert after.rules == expected | {((IP, None),): {quotas.CONNECT: 5}}
    assert after.active
    log.write_metadata("quotas.json", b'{"version": 1, "rules": 7}')
    with pytest.raises(StartupError, match=r"quotas\.json is damaged"):
        Quotas(log, time).load()


@pytest.mark.parametrize(
    ("entity", "rule"),
    [
        ((), {quotas.PRODUCE: 1.0}),
        (((USER, "a"), (USER, "b")), {quotas.PRODUCE: 1.0}),
        ((("group", "g"),), {quotas.PRODUCE: 1.0}),
        (((IP, "127.0.0.1"), (USER, "a")), {quotas.CONNECT: 1.0}),
        (((USER, ""),), {quotas.PRODUCE: 1.0}),
        (((USER, "a"),), {quotas.CONNECT: 1.0}),
        (((IP, None),), {quotas.PRODUCE: 1.0}),
        (((USER, "a"),), {"speed": 1.0}),
        (((USER, "a"),), {quotas.PRODUCE: 0.0}),
        (((USER, "a"),), {quotas.PRODUCE: -1.0}),
        (((USER, "a"),), {quotas.PRODUCE: 1.5}),
        (((USER, "a"),), {quotas.REQUEST: float("nan")}),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(entity: Entity, rule: dict[str, float | None]) -> None:
    with pytest.raises(InvalidQuotaError):
        quotas.check(entity, rule)


Op, Named, Entry = (
    AlterClientQuotasRequest.OpData,
    AlterClientQuotasRequest.EntityData,
    AlterClientQuotasRequest.EntryData,
)


async def test_quotas_are_altered_and_described_over_the_protocol() -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)

        async def alter(entity: Entity, *ops: AlterClientQuotasRequest.OpData, validate: bool = False) -> int:
            named = [Named(entity_type=kind, entity_name=name) for kind, name in entity]
            request = AlterClientQuotasRequest(entries=[Entry(entity=named, ops=list(ops))], validate_only=validate)
            (result,) = (await client.ask(request, 1, AlterClientQuotasResponse)).entries
            return result.error_code

        async def described(*components: tuple[str, int, str | None], strict: bool = False) -> list[Entity]:
            data = DescribeClientQuotasRequest.ComponentData
            request = DescribeClientQuotasRequest(
                components=[data(entity_type=kind, match_type=how, match=name) for kind, how, name in components],
                strict=strict,
            )
            answer = await client.ask(request, 1, DescribeClientQuotasResponse)
            if answer.entries is None:
                return [(("error", str(answer.error_code)),)]
            return [tuple((e.entity_type, e.entity_name) for e in entry.entity) for entry in answer.entries]

        rate = Op(key=quotas.PRODUCE, value=1e6)
        assert await alter(((USER, "ann"),), rate, validate=True) == Code.NONE
        assert await described() == []
        both: Entity = ((CLIENT_ID, "app"), (USER, "ann"))
        assert await alter(both[::-1], rate) == Code.NONE
        assert await alter(((CLIENT_ID, None),), rate) == Code.NONE
        assert await alter(((IP, "127.0.0.1"),), Op(key=quotas.CONNECT, value=1000)) == Code.NONE
        assert await alter(((IP, "here"),), Op(key=quotas.CONNECT, value=10)) == Code.INVALID_REQUEST
        assert await alter(((USER, "ann"),), Op(key="speed", value=10)) == Code.INVALID_REQUEST
        assert len(await described()) == 3
        assert await described((CLIENT_ID, 2, None)) == [both, ((CLIENT_ID, None),)]
        assert await described((CLIENT_ID, 2, None), strict=True) == [((CLIENT_ID, None),)]
        assert await described((CLIENT_ID, 1, None)) == [((CLIENT_ID, None),)]
        assert await described((CLIENT_ID, 0, "app"), (USER, 0, "ann")) == [both]
        assert await described((USER, 0, "bob")) == []
        assert await described(("group", 0, "g")) == [(("error", str(int(Code.INVALID_REQUEST))),)]
        assert await alter(both, Op(key=quotas.PRODUCE, remove=True)) == Code.NONE
        assert await described((USER, 2, None)) == []
        await client.close()


async def test_a_producer_over_its_quota_is_told_to_wait_and_is_not_listened_to_meanwhile() -> None:
    time = ManualTime()
    async with running_broker(clock=time, timers=time) as running:
        broker = running.broker
        broker.log.create_topic("t")
        client = await RawClient.connect(running.port)
        data = build_batch([(b"k", b"v" * 1_000, time.now_ms(), ())] * 100)
        broker.quotas.change({((CLIENT_ID, "raw"),): {quotas.PRODUCE: 5_000}})

        def send() -> None:
            partition = ProduceRequest.PartitionProduceData(index=0, records=data)
            topic = ProduceRequest.TopicProduceData(name="t", partition_data=[partition])
            client.send(ProduceRequest(acks=1, timeout_ms=1_000, topic_data=[topic]), 9)

        send()
        send()
        _, first = await client.receive(ProduceResponse, 9)
        assert 10_000 < first.throttle_time_ms < 11_000
        for _ in range(20):
            await asyncio.sleep(0)
        assert broker.log.partition("t", 0).log_end == 100, "the second request is not handled yet"
        time.advance(11)
        _, second = await client.receive(ProduceResponse, 9)
        assert second.throttle_time_ms > 19_000
        assert broker.log.partition("t", 0).log_end == 200
        assert broker.statistics.throttled_seconds["produce"] > 29
        assert broker.statistics.apis["Produce"].throttled == 2
        await client.close()
