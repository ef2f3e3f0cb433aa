"""ksqlDB's REST API: what unmodified clients send and read, over HTTP and WebSocket. No logic of its own."""
