"""The sink for Google BigQuery."""

from headwater.connect.connectors.bigquery.connector import BigQuerySink

__all__ = ["BigQuerySink"]
