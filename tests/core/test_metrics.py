"""Metrics as Prometheus reads them."""

from __future__ import annotations

from headwater.core.metrics import Kind, Metric, Sample, counter, gauge, histogram_samples, render


def test_every_metric_says_what_it_is_and_labels_are_escaped() -> None:
    text = render([counter("requests_total", "Requests.", [Sample(3, {"api": 'a"b\\c\nd'})])])
    assert text == (
        "# HELP requests_total Requests.\n"
        "# TYPE requests_total counter\n"
        'requests_total{api="a\\"b\\\\c\\nd"} 3\n'
    )  # fmt: skip


def test_a_metric_without_values_is_left_out() -> None:
    assert render([gauge("nothing", "None.", []), gauge("half", "A half.", [Sample(0.5)])]).splitlines() == [
        "# HELP half A half.",
        "# TYPE half gauge",
        "half 0.5",
    ]


def test_buckets_of_a_histogram_add_up() -> None:
    samples = list(histogram_samples((0.1, 1.0), (2, 1, 4), 9.5, {"api": "Fetch"}))
    assert render([Metric("seconds", Kind.HISTOGRAM, "Time.", samples)]).splitlines()[2:] == [
        'seconds_bucket{api="Fetch",le="0.1"} 2',
        'seconds_bucket{api="Fetch",le="1"} 3',
        'seconds_bucket{api="Fetch",le="+Inf"} 7',
        'seconds_sum{api="Fetch"} 9.5',
        'seconds_count{api="Fetch"} 7',
    ]
