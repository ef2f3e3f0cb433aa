"""Public test support: a manual clock, faulty storage, conformance suites to inherit. Product code never imports it."""

from headwater.testing.clock import ManualClock

__all__ = ["ManualClock"]
