"""The REST door of the schema registry (port 8081), in the shapes of Confluent's Schema Registry API."""
