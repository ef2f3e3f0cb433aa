"""Redis: records as strings, hashes or stream entries, on a server or in the keys inside the node."""

from headwater.connect.connectors.redis.connector import RedisSink

__all__ = ["RedisSink"]
