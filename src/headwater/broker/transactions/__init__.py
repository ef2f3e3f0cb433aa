"""Transactions: one producer's writes to many partitions and its consumed offsets, visible all or none (KIP-98)."""
