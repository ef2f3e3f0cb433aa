"""Schemas of a node, kept in the compacted topic `_schemas`."""
