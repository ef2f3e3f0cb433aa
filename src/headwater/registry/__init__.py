"""Schemas of a node: subjects, versions, ids, modes and compatibility, kept in the compacted topic `_schemas`."""
