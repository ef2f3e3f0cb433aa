"""Runs queries: plans compiled to Python functions over record batches, state stores, tasks, push and pull queries."""
