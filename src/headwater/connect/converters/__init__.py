"""Converters: between the values of Connect and the bytes in a topic, a batch at a time."""
