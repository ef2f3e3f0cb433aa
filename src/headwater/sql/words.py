"""The keywords of the language: which are reserved, which may be names too, and how a name is written as SQL text."""

from __future__ import annotations

import re

from headwater.core.names import quote

NON_RESERVED = frozenset(
    """
    ADD ALTER ANALYZE ARRAY ASSERT CHANGES COLUMN COLUMNS DATE DAY DEFINE EMIT ESCAPE EXPLAIN FINAL FUNCTION FUNCTIONS
    GRACE HEADER HEADERS HOUR ID IF INTEGER INTERVAL KEY MAP MINUTE MONTH PARTITION PARTITIONS PERIOD PLUGINS PRIMARY
    REPLACE RESET SCHEMA SECOND SESSION SET SHOW SINK SOURCE STRING STRUCT SUBJECT SYSTEM TABLES TIME TIMEOUT TIMESTAMP
    TYPE TYPES UNDEFINE VARIABLES YEAR ZONE
    """.split()
)
"""Words that mean something to the grammar and may still be used as names without quotes."""

RESERVED = frozenset(
    """
    ADVANCE ALL AND AS AT BEGINNING BETWEEN BY CASE CAST CONNECTOR CONNECTORS CREATE DAYS DELETE DESCRIBE DISTINCT
    DROP ELSE END EXISTS EXTENDED FALSE FROM FULL GROUP HAVING HOPPING HOURS IN INNER INSERT INTO IS JOIN LEFT LIKE
    LIMIT LIST MILLISECOND MILLISECONDS MINUTES NOT NULL ON OR OUTER PAUSE PRINT PROPERTIES QUERIES RESUME RETENTION
    RIGHT RUN SAMPLE SCRIPT SECONDS SELECT SIZE STREAM STREAMS TABLE TERMINATE THEN TOPIC TOPICS TRUE TUMBLING UNSET
    VALUES WHEN WHERE WINDOW WITH WITHIN
    """.split()
)
"""Words that are names only in quotes."""

KEYWORDS = RESERVED | NON_RESERVED

_AMBIGUOUS = frozenset({"ARRAY", "DAY", "EMIT", "HOUR", "MAP", "MINUTE", "PARTITION", "SECOND", "STRUCT", "TABLES"})
"""Non-reserved words that mean something else in a place where a name could stand too: always written in quotes."""

_PLAIN = re.compile(r"(?:[A-Z_][A-Z0-9_@]*|[0-9]+[A-DF-Z_@][A-Z0-9_@]*)\Z")


def quote_identifier(name: str) -> str:
    """The name as SQL text that the parser reads back as exactly this name; quoted only where that is needed."""
    if _PLAIN.match(name) and name not in RESERVED and name not in _AMBIGUOUS:
        return name
    return quote(name)
