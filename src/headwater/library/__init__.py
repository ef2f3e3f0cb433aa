"""Headwater as a library: a node inside the caller's process, or a client of one elsewhere."""
