"""What a worker remembers, each in a compacted topic with Kafka Connect's record shapes: configs, offsets, statuses."""
