-- Brings what the applications produce, plain JSON, into the topics with schemas. Applications whose serializers register
-- schemas themselves write to those topics directly and need nothing of this.

CREATE STREAM customers_info_feed (
    customer_id STRING, first_name STRING, last_name STRING, email STRING, phone_number STRING
) WITH (KAFKA_TOPIC = 'feed.customers.info', VALUE_FORMAT = 'JSON');

INSERT INTO "customers_info" SELECT * FROM customers_info_feed EMIT CHANGES;

CREATE STREAM customers_demographics_feed (
    customer_id STRING, age INT, gender STRING, income INT, education_level STRING, marital_status STRING
) WITH (KAFKA_TOPIC = 'feed.customers.demographics', VALUE_FORMAT = 'JSON');

INSERT INTO "customers_demographics" SELECT * FROM customers_demographics_feed EMIT CHANGES;

CREATE STREAM system_regions_feed (
    region_id STRING, name STRING
) WITH (KAFKA_TOPIC = 'feed.system.regions', VALUE_FORMAT = 'JSON');

INSERT INTO "system_regions" SELECT * FROM system_regions_feed EMIT CHANGES;

CREATE STREAM stations_info_feed (
    station_id STRING, name STRING, short_name STRING, lat DOUBLE, lon DOUBLE, address STRING, cross_street STRING,
    region_id STRING, post_code STRING, rental_methods ARRAY<STRING>, is_virtual_station BOOLEAN,
    station_area STRUCT<type STRING, coordinates ARRAY<ARRAY<ARRAY<ARRAY<DOUBLE>>>>>, parking_type STRING,
    parking_hoop BOOLEAN, contact_phone STRING, capacity INT, vehicle_capacity MAP<STRING, DOUBLE>,
    is_valet_station BOOLEAN, is_charging_station BOOLEAN, rental_uris STRUCT<android STRING, ios STRING, web STRING>,
    vehicle_type_capacity MAP<STRING, DOUBLE>
) WITH (KAFKA_TOPIC = 'feed.stations.info', VALUE_FORMAT = 'JSON');

INSERT INTO "stations_info" SELECT * FROM stations_info_feed EMIT CHANGES;

CREATE STREAM stations_status_feed (
    station_id STRING, num_bikes_available INT, vehicle_types_available ARRAY<STRUCT<vehicle_type_id STRING, count INT>>,
    num_bikes_disabled INT, num_docks_available INT, num_docks_disabled INT, is_installed BOOLEAN, is_renting BOOLEAN,
    is_returning BOOLEAN, last_reported BIGINT,
    vehicle_docks_available ARRAY<STRUCT<vehicle_type_ids ARRAY<STRING>, count INT>>
) WITH (KAFKA_TOPIC = 'feed.stations.status', VALUE_FORMAT = 'JSON');

INSERT INTO "stations_status" SELECT * FROM stations_status_feed EMIT CHANGES;
