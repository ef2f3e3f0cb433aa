"""The Kafka broker over the embedded log: request handlers, group coordinator, listener. Main type: `broker.Broker`."""
