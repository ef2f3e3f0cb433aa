-- The data product customers.enriched: who a customer is, with what is known about them.
-- Topics are made by the platform's team beforehand, see data.py. Offsets: latest, there is no data yet.

CREATE OR REPLACE STREAM "customers_info" (
    customer_id STRING,
    first_name STRING,
    last_name STRING,
    email STRING,
    phone_number STRING
) WITH (
    KAFKA_TOPIC = 'customers.info', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
);

CREATE OR REPLACE TABLE "customers_info_latest" WITH (
    KAFKA_TOPIC = 'customers.info.latest', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT
    customer_id AS pk,
    as_value(customer_id) AS customer_id,
    latest_by_offset(first_name) AS first_name,
    latest_by_offset(last_name) AS last_name,
    latest_by_offset(email) AS email,
    latest_by_offset(phone_number) AS phone_number
FROM "customers_info"
GROUP BY customer_id
EMIT CHANGES;

CREATE OR REPLACE STREAM "customers_demographics" (
    customer_id STRING,
    age INT,
    gender STRING,
    income INT,
    education_level STRING,
    marital_status STRING
) WITH (
    KAFKA_TOPIC = 'customers.demographics', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
);

CREATE OR REPLACE TABLE "customers_demographics_latest" WITH (
    KAFKA_TOPIC = 'customers.demographics.latest', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT
    customer_id AS pk,
    as_value(customer_id) AS customer_id,
    latest_by_offset(age) AS age,
    latest_by_offset(gender) AS gender,
    latest_by_offset(income) AS income,
    latest_by_offset(education_level) AS education_level,
    latest_by_offset(marital_status) AS marital_status
FROM "customers_demographics"
GROUP BY customer_id
EMIT CHANGES;

CREATE OR REPLACE TABLE "customers_enriched" WITH (
    KAFKA_TOPIC = 'customers.enriched', PARTITIONS = 6, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON_SR'
) AS SELECT
    info.pk AS pk,
    info.customer_id AS `customer_id`,
    info.first_name AS `first_name`,
    info.last_name AS `last_name`,
    info.email AS `email`,
    info.phone_number AS `phone_number`,
    demographics.age AS `age`,
    demographics.gender AS `gender`,
    demographics.income AS `income`,
    demographics.education_level AS `education_level`,
    demographics.marital_status AS `marital_status`
FROM "customers_info_latest" info
INNER JOIN "customers_demographics_latest" demographics ON info.pk = demographics.pk
EMIT CHANGES;
