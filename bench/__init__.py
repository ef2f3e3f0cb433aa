"""Benchmarks: `make bench`. Never part of the tests; every figure stands beside a peer measured in the same run."""
