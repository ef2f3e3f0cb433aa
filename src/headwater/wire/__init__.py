"""Kafka's messages and record batches: bytes to values and back. Pure: no I/O, no clock."""
