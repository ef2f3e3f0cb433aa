"""Consumer groups: membership and rebalancing as deterministic state machines driven by calls and timers.

`group.py` is what all groups have in common, `coordinator.py` the table of them. Classic groups, in which a member
assigns, are in `classic*.py`; consumer groups (KIP-848), in which the broker assigns, in `consumer*.py`, with
`assignors.py`, `reconciliation.py` and `patterns.py` for the decisions.
"""
