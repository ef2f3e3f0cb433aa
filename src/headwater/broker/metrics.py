"""The broker's metrics: requests, connections, the size of the log, and how far groups are behind."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.broker.broker import Broker
from headwater.broker.lag import all_lags
from headwater.broker.statistics import LATENCY_BOUNDS, ApiStatistics
from headwater.core.metrics import Kind, Metric, Sample, counter, gauge, histogram_samples


def broker_metrics(broker: Broker) -> Iterator[Metric]:
    """Everything, as of now."""
    yield from _requests(sorted(broker.statistics.apis.values(), key=lambda api: api.name))
    yield from _connections(broker)
    yield from _log(broker)
    yield from _groups(broker)


def _requests(apis: list[ApiStatistics]) -> Iterator[Metric]:
    yield counter(
        "headwater_kafka_requests_total", "Requests by API.", [Sample(api.requests, {"api": api.name}) for api in apis]
    )
    yield counter(
        "headwater_kafka_request_bytes_total",
        "Bytes of requests by API.",
        [Sample(api.bytes_in, {"api": api.name}) for api in apis],
    )
    yield counter(
        "headwater_kafka_response_bytes_total",
        "Bytes of answers by API.",
        [Sample(api.bytes_out, {"api": api.name}) for api in apis],
    )
    yield counter(
        "headwater_kafka_errors_total",
        "Error codes answered, by API and Kafka's code.",
        [Sample(count, {"api": api.name, "code": str(code)}) for api in apis for code, count in api.errors.items()],
    )
    yield Metric(
        "headwater_kafka_request_seconds",
        Kind.HISTOGRAM,
        "From a request's arrival to its answer; long polls count with their wait.",
        [
            sample
            for api in apis
            for sample in histogram_samples(LATENCY_BOUNDS, api.buckets, api.latency_seconds, {"api": api.name})
        ],
    )


def _connections(broker: Broker) -> Iterator[Metric]:
    statistics = broker.statistics
    yield gauge("headwater_kafka_connections", "Open connections.", [Sample(statistics.connections_open)])
    yield counter(
        "headwater_kafka_connections_total", "Connections since the start.", [Sample(statistics.connections_total)]
    )
    yield counter(
        "headwater_kafka_unreadable_requests_total",
        "Requests that were malformed, unknown, or not allowed before the login.",
        [Sample(statistics.unreadable_requests)],
    )
    yield counter(
        "headwater_kafka_throttled_seconds_total",
        "Seconds that clients were made to wait, by kind of quota.",
        [Sample(seconds, {"kind": kind}) for kind, seconds in sorted(statistics.throttled_seconds.items())],
    )


def _log(broker: Broker) -> Iterator[Metric]:
    partitions = [
        (topic, {"topic": name, "partition": str(number)}, partition)
        for name, topic in sorted(broker.log.topics().items())
        for number, partition in enumerate(topic.partitions)
    ]
    yield gauge(
        "headwater_log_size_bytes",
        "Bytes of the partition's segments.",
        [Sample(partition.size_bytes, labels) for _, labels, partition in partitions],
    )
    yield gauge(
        "headwater_log_start_offset",
        "The first offset that can be read.",
        [Sample(partition.log_start, labels) for _, labels, partition in partitions],
    )
    yield gauge(
        "headwater_log_end_offset",
        "The offset that the next record gets.",
        [Sample(partition.log_end, labels) for _, labels, partition in partitions],
    )


def _groups(broker: Broker) -> Iterator[Metric]:
    yield gauge(
        "headwater_consumer_group_lag",
        "Records behind the end of the partition.",
        [
            Sample(lag.records, {"group": lag.group, "topic": lag.topic, "partition": str(lag.partition)})
            for lag in all_lags(broker)
        ],
    )
