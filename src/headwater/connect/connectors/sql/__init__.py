"""SQL databases: those SQLAlchemy speaks to, under the names of the JDBC connectors; SQLite and DuckDB as files."""

from headwater.connect.connectors.sql.sink import DuckDbSink, JdbcSink, SqliteSink
from headwater.connect.connectors.sql.source import JdbcSource

__all__ = ["DuckDbSink", "JdbcSink", "JdbcSource", "SqliteSink"]
