"""Consumer groups: membership and rebalancing as a deterministic state machine driven by calls and timers."""
