CREATE TABLE customers (id INT PRIMARY KEY, name STRING)
  WITH (kafka_topic='customers', value_format='AVRO', partitions=1);
CREATE STREAM orders (order_id STRING KEY, customer INT, amount DECIMAL(9, 2))
  WITH (kafka_topic='orders', value_format='JSON', partitions=1);

CREATE STREAM named WITH (key_format='JSON') AS
  SELECT o.customer AS customer, c.name AS name, o.amount AS amount
  FROM orders o LEFT JOIN customers c ON o.customer = c.id;
