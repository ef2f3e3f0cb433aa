-- The service-management platform: orders meet jobs, trucks meet destinations.
-- Run with:  headwater sql -f statements.sql

SET 'auto.offset.reset' = 'earliest';

CREATE STREAM orders_placed (
 job_id BIGINT,
 customer_id VARCHAR,
 service_option VARCHAR,
 contractor_id VARCHAR,
 location VARCHAR,
 price_quoted BIGINT
) WITH (
 KAFKA_TOPIC='order_placed',
 VALUE_FORMAT='JSON'
);

CREATE STREAM jobs_created (
 job_id BIGINT,
 job_start_date VARCHAR,
 job_end_date VARCHAR,
 price BIGINT,
 job_status VARCHAR
) WITH (
 KAFKA_TOPIC='job_created',
 VALUE_FORMAT='JSON'
);

-- An order that meets its job within an hour is accepted if the customer's quote covers the price.
CREATE STREAM job_status WITH (
     kafka_topic='job_status'
   ) as
SELECT
 o.job_id,
 o.customer_id,
 o.service_option,
 j.price,
 CASE WHEN o.price_quoted >= j.price THEN 'ACCEPTED'
      ELSE 'REJECTED' END as current_status
 from jobs_created as j
 INNER JOIN orders_placed as o
 WITHIN 1 hour
 on o.job_id = j.job_id
 EMIT CHANGES;

CREATE TABLE JOBLOCATION (
 ID VARCHAR PRIMARY KEY,
 CUSTOMERNAME VARCHAR,
 EMAIL VARCHAR,
 ADDRESS VARCHAR,
 DEST_LAT DOUBLE,
 DEST_LONG DOUBLE,
 REPORTING_TIME BIGINT
) WITH (
 KAFKA_TOPIC = 'joblocation',
 VALUE_FORMAT = 'JSON',
 KEY_FORMAT = 'KAFKA',
 PARTITIONS = 6
);

CREATE STREAM VEHICLES (
 ID VARCHAR KEY,
 JOB_ID VARCHAR,
 STATE VARCHAR,
 LAT DOUBLE,
 LONG DOUBLE
) WITH (
 KAFKA_TOPIC = 'tradie_truck_location',
 VALUE_FORMAT = 'JSON',
 KEY_FORMAT = 'KAFKA',
 PARTITIONS = 6
);

-- Where every truck is, how far from its job, and when it will be there. (The original says O.DEST_LAT in the last column,
-- see statements-original.sql: there is no O here, the destination is J's.)
CREATE TABLE TRUCK_TRACKER WITH (
 KAFKA_TOPIC = 'truck_tracker',
 PARTITIONS = 6
) AS
SELECT
 J.ID JOB_ID,
 LATEST_BY_OFFSET(V.ID) VEHICLE_ID,
 LATEST_BY_OFFSET(V.LAT) LAT,
 LATEST_BY_OFFSET(V.LONG) LONG,
 LATEST_BY_OFFSET(J.DEST_LAT) DEST_LAT,
 LATEST_BY_OFFSET(J.DEST_LONG) DEST_LONG,
 LATEST_BY_OFFSET(ROUND(GEO_DISTANCE(CAST(V.LAT as DOUBLE), CAST(V.LONG as DOUBLE), CAST(J.DEST_LAT as DOUBLE), CAST(J.DEST_LONG as DOUBLE), 'KM'), 2)) DISTANCE_FROM_DESTINATION,
 LATEST_BY_OFFSET(ROUND(GREATEST(ABS(V.LAT - J.DEST_LAT), ABS(V.LONG - J.DEST_LONG)) / (0.5 / 10 / 10) * 2, 2)) ETA_SECONDS
FROM VEHICLES AS V
JOIN JOBLOCATION AS J
ON ((V.JOB_ID = J.ID))
GROUP BY J.ID
EMIT CHANGES;
