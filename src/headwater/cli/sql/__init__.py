"""The SQL shell, `headwater sql`: a client of ksqlDB's REST API for people and for scripts."""
