"""Headwater: a Kafka-compatible log, ksqlDB's SQL and everything around them in one Python process."""

__version__ = "0.1.0"
