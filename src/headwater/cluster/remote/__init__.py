"""What `KafkaCluster` is made of: connections, brokers, error codes, reading, writing, groups."""
