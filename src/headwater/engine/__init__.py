"""Statements and queries: what a SQL text does to topics, from the statement log to running stages."""
