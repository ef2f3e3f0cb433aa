"""The sink for Elasticsearch and OpenSearch."""

from headwater.connect.connectors.elasticsearch.connector import ElasticsearchSink

__all__ = ["ElasticsearchSink"]
