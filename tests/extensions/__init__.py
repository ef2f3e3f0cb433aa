"""Functions that conformance cases use and a stock server does not have."""
