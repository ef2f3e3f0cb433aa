"""Kafka Connect's runtime: connectors that bring records in and out, their life cycle, converters and transforms."""
