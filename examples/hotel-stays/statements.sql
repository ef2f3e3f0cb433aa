-- How many hotels, and how many searches, per length of stay: a table over a table.
-- Run with:  headwater sql -f statements.sql

SET 'auto.offset.reset' = 'earliest';

CREATE STREAM expedia_stay_stream
(
    stay_category varchar,
    hotel_id bigint
) 
WITH (
    KAFKA_TOPIC='expedia_test',
    VALUE_FORMAT='JSON',
    KEY_FORMAT='JSON'
);

CREATE OR REPLACE TABLE hotel_stay_cat_counts AS 
SELECT stay_category, hotel_id, COUNT(*) AS stays 
FROM expedia_stay_stream 
GROUP BY stay_category, hotel_id
EMIT CHANGES;

CREATE OR REPLACE TABLE stay_counts AS 
SELECT stay_category, COUNT(*) AS count_distinct, SUM(stays) AS count_all 
FROM hotel_stay_cat_counts GROUP BY stay_category
EMIT CHANGES;
