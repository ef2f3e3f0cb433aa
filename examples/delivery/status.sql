-- The latest status of each delivery, readable by key: what the hashes have, for SQL.
-- Run with:  headwater sql -f status.sql

CREATE SOURCE TABLE deliveryStatus (
  delivery_id VARCHAR PRIMARY KEY,
  status VARCHAR,
  updated_at VARCHAR)
WITH (kafka_topic='delivery_status', value_format='json');
