"""Serialization formats: payload bytes to column values and back. Pure: no I/O."""
