"""Test cases for SQL pipelines: reads them from files, runs them in-process, judges the results."""
