"""Datagen: made-up records at a steady pace, by one of the stock quickstarts or by an Avro schema of one's own."""

from headwater.connect.connectors.datagen.connector import DatagenSource

__all__ = ["DatagenSource"]
