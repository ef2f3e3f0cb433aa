"""Source and sink for MongoDB."""

from headwater.connect.connectors.mongodb.sink import MongoSink
from headwater.connect.connectors.mongodb.source import MongoSource

__all__ = ["MongoSink", "MongoSource"]
