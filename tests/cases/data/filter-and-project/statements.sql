CREATE STREAM readings (sensor STRING KEY, celsius DOUBLE, place STRING)
  WITH (kafka_topic='readings', value_format='JSON', partitions=1);

CREATE STREAM hot AS
  SELECT sensor, celsius * 9 / 5 + 32 AS fahrenheit, UCASE(place) AS place
  FROM readings
  WHERE celsius > 30;
