"""Tasks at work: the loops that move records between a connector's task and topics, with retries, pauses and
failures."""
