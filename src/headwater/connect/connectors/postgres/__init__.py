"""PostgreSQL change data capture with Debezium's configuration keys and envelope."""

from headwater.connect.connectors.postgres.connector import PostgresConnector, PostgresTask

__all__ = ["PostgresConnector", "PostgresTask"]
