CREATE STREAM clicks (page STRING KEY, visitor INT)
  WITH (kafka_topic='clicks', value_format='DELIMITED', partitions=1);

CREATE TABLE visits AS
  SELECT page, COUNT(*) AS clicks, SUM(visitor) AS total
  FROM clicks WINDOW TUMBLING (SIZE 10 SECONDS)
  GROUP BY page;
