"""The SQL engine's metrics: queries, what they have processed, and how they fare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from headwater.core.metrics import Metric, Sample, counter, gauge
from headwater.engine.engine import Engine


def engine_metrics(engine: Engine) -> Iterator[Metric]:
    """Everything, as of now."""
    queries = sorted(engine.runtime.queries.items())
    states = Counter(query.state for _, query in queries)
    yield gauge(
        "headwater_ksql_queries",
        "Persistent queries by state.",
        [Sample(count, {"state": state}) for state, count in sorted(states.items())],
    )
    yield counter(
        "headwater_ksql_query_records_total",
        "Records that a query has read since it was started.",
        [Sample(query.processed, {"query": name}) for name, query in queries],
    )
    yield counter(
        "headwater_ksql_query_failures_total",
        "Records skipped and expressions that failed since the query was started.",
        [Sample(query.failures, {"query": name}) for name, query in queries],
    )
