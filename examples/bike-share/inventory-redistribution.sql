-- The data product inventory.redistribution: which full station could give bikes to which empty one of its region.
-- Offsets: earliest. (perecent_available is spelt as those who read the topics know it.)

CREATE OR REPLACE STREAM "inventory_metrics_high" (
    station_id STRING,
    name STRING,
    region_name STRING,
    lat DOUBLE,
    lon DOUBLE,
    is_virtual_station BOOLEAN,
    capacity INT,
    num_bikes_available INT,
    num_bikes_disabled INT,
    num_docks_available INT,
    num_docks_disabled INT,
    num_ebikes_available INT,
    num_scooters_available INT,
    vehicle_types_available ARRAY<STRUCT<vehicle_type_id STRING, count INT>>,
    vehicle_docks_available ARRAY<STRUCT<vehicle_type_ids ARRAY<STRING>, count INT>>,
    region_id STRING,
    last_reported BIGINT,
    is_installed BOOLEAN,
    is_renting BOOLEAN,
    is_returning BOOLEAN
) WITH (
    KAFKA_TOPIC = 'stations.enriched', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
);

CREATE OR REPLACE TABLE "inventory_availability_high" WITH (
    KAFKA_TOPIC = 'inventory.availability.high', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT
    station_id AS key,
    latest_by_offset(as_value(station_id)) AS station_id,
    latest_by_offset(name) AS name,
    latest_by_offset(region_name) AS region_name,
    latest_by_offset(lat) AS lat,
    latest_by_offset(lon) AS lon,
    latest_by_offset(capacity) AS capacity,
    latest_by_offset(num_bikes_available) AS num_bikes_available,
    latest_by_offset(num_docks_available) AS num_docks_available,
    latest_by_offset(num_bikes_available - FLOOR(CAST(capacity AS DOUBLE) / 2.0)) AS surplus,
    latest_by_offset(ROUND(CAST(num_bikes_available AS DOUBLE) / CAST(capacity AS DOUBLE), 2)) AS perecent_available
FROM "inventory_metrics_high"
WHERE capacity + num_bikes_available + num_docks_available != 0
  AND num_bikes_available >= ROUND(CAST(capacity AS DOUBLE) * 0.75)
GROUP BY station_id
EMIT CHANGES;

CREATE OR REPLACE STREAM "inventory_availability_high-changelog" (
    station_id STRING,
    name STRING,
    region_name STRING,
    lat DOUBLE,
    lon DOUBLE,
    surplus INT,
    perecent_available DOUBLE
) WITH (
    KAFKA_TOPIC = 'inventory.availability.high', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
);

CREATE OR REPLACE STREAM "inventory_availability_high-keyed" WITH (
    KAFKA_TOPIC = 'inventory.availability.high-keyed', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT *
FROM "inventory_availability_high-changelog"
PARTITION BY region_name
EMIT CHANGES;

CREATE OR REPLACE STREAM "inventory_metrics_low" (
    station_id STRING,
    name STRING,
    region_name STRING,
    lat DOUBLE,
    lon DOUBLE,
    is_virtual_station BOOLEAN,
    capacity INT,
    num_bikes_available INT,
    num_bikes_disabled INT,
    num_docks_available INT,
    num_docks_disabled INT,
    num_ebikes_available INT,
    num_scooters_available INT,
    vehicle_types_available ARRAY<STRUCT<vehicle_type_id STRING, count INT>>,
    vehicle_docks_available ARRAY<STRUCT<vehicle_type_ids ARRAY<STRING>, count INT>>,
    region_id STRING,
    last_reported BIGINT,
    is_installed BOOLEAN,
    is_renting BOOLEAN,
    is_returning BOOLEAN
) WITH (
    KAFKA_TOPIC = 'stations.enriched', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
);

CREATE OR REPLACE TABLE "inventory_availability_low" WITH (
    KAFKA_TOPIC = 'inventory.availability.low', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT
    station_id AS key,
    latest_by_offset(as_value(station_id)) AS station_id,
    latest_by_offset(name) AS name,
    latest_by_offset(region_name) AS region_name,
    latest_by_offset(lat) AS lat,
    latest_by_offset(lon) AS lon,
    latest_by_offset(capacity) AS capacity,
    latest_by_offset(num_bikes_available) AS num_bikes_available,
    latest_by_offset(num_docks_available) AS num_docks_available,
    latest_by_offset(FLOOR(CAST(capacity AS DOUBLE) / 2.0) - num_bikes_available) AS shortage,
    latest_by_offset(ROUND(CAST(num_bikes_available AS DOUBLE) / CAST(capacity AS DOUBLE), 2)) AS perecent_available
FROM "inventory_metrics_low"
WHERE capacity + num_bikes_available + num_docks_available != 0
  AND num_bikes_available <= ROUND(CAST(capacity AS DOUBLE) * 0.25)
  AND num_docks_available >= FLOOR(CAST(capacity AS DOUBLE) / 2.0) - num_bikes_available
GROUP BY station_id
EMIT CHANGES;

CREATE OR REPLACE STREAM "inventory_availability_low-changelog" (
    station_id STRING,
    name STRING,
    region_name STRING,
    lat DOUBLE,
    lon DOUBLE,
    shortage INT,
    perecent_available DOUBLE
) WITH (
    KAFKA_TOPIC = 'inventory.availability.low', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
);

CREATE OR REPLACE STREAM "inventory_availability_low-keyed" WITH (
    KAFKA_TOPIC = 'inventory.availability.low-keyed', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT *
FROM "inventory_availability_low-changelog"
PARTITION BY region_name
EMIT CHANGES;

CREATE OR REPLACE TABLE "inventory_redistribution" WITH (
    KAFKA_TOPIC = 'inventory.redistribution', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT
    concat(high.station_id, '-', low.station_id) AS pair,
    latest_by_offset(high.name) AS `source`,
    latest_by_offset(low.name) AS `destination`,
    latest_by_offset(high.surplus) AS `surplus`,
    latest_by_offset(low.shortage) AS `shortage`,
    latest_by_offset(low.shortage) AS `redistribution`,
    latest_by_offset(ROUND(GEO_DISTANCE(high.lat, high.lon, low.lat, low.lon, 'miles'), 2)) AS `distance`
FROM "inventory_availability_high-keyed" high
INNER JOIN "inventory_availability_low-keyed" low WITHIN 1 MINUTE GRACE PERIOD 1 MINUTE ON high.region_name = low.region_name
WHERE high.surplus >= low.shortage
GROUP BY concat(high.station_id, '-', low.station_id)
EMIT CHANGES;
