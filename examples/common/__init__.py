"""What the examples share: a REST client, producing and consuming with confluent-kafka, a live view."""
