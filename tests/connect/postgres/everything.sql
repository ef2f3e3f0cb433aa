-- A table with every column type of a stock PostgreSQL with its contributed modules.
CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS ltree;
 CREATE TYPE mood AS ENUM ('sad','ok','happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE everything (
 id serial PRIMARY KEY,
 c_smallint smallint, c_integer integer NOT NULL DEFAULT 7, c_bigint bigint, c_oid oid,
 c_numeric_p numeric(10,2), c_numeric_p0 numeric(5,0), c_numeric numeric, c_real real, c_double double precision, c_money money,
 c_bool boolean, c_char char(5), c_varchar varchar(20), c_text text, c_citext citext, c_name name,
 c_bytea bytea, c_date date, c_time time, c_time3 time(3), c_timetz timetz, c_timestamp timestamp, c_timestamp3 timestamp(3), c_timestamptz timestamptz,
 c_interval interval, c_uuid uuid, c_json json, c_jsonb jsonb, c_xml xml, c_inet inet, c_cidr cidr, c_macaddr macaddr, c_macaddr8 macaddr8,
 c_bit1 bit, c_bit8 bit(8), c_varbit varbit, c_varbit20 varbit(20), c_point point, c_int4range int4range, c_int8range int8range, c_numrange numrange, c_tsrange tsrange,
 c_tstzrange tstzrange, c_daterange daterange, c_mood mood, c_positive positive,
 c_int_array int[], c_text_array text[], c_numeric_array numeric(10,2)[], c_ts_array timestamptz[], c_date_array date[], c_bool_array boolean[], c_uuid_array uuid[], c_mood_array mood[],
 c_hstore hstore, c_ltree ltree, c_tsvector tsvector, c_box box, c_default text DEFAULT 'a''b', c_ts_default timestamptz DEFAULT now(), c_default_n numeric(6,3) DEFAULT 1.5, 
 c_default_bool boolean NOT NULL DEFAULT true, c_big_default bigint NOT NULL DEFAULT 5, c_date_default date NOT NULL DEFAULT '2020-02-02', c_float_default double precision DEFAULT 2.5, c_varchar_default varchar(5) NOT NULL DEFAULT 'xy',
 c_smallserial smallserial, c_bigserial bigserial,  c_int2_array smallint[], c_int8_array bigint[], c_float_array float8[], c_varchar_array varchar(10)[], c_json_array jsonb[], c_time_array time[], c_tsn_array timestamp[], c_real_array real[], c_bytea_array bytea[], c_inet_array inet[], c_matrix int[][]
);
ALTER TABLE everything REPLICA IDENTITY FULL;
