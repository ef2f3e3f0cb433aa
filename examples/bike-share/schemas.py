"""The JSON Schemas of the five feeds, as the producers' serializer registers them."""

from __future__ import annotations

import json
from typing import Any

Schema = dict[str, Any]


def maybe(schema: Schema) -> Schema:
    return {"oneOf": [{"type": "null"}, schema]}


def struct(**fields: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": {k: maybe(s) for k, s in fields.items()}}


def several(item: Schema) -> Schema:
    return {"type": "array", "items": item}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "connect.type": "int32"}
"""An INT of SQL: an integer of which no more is said is a BIGINT."""
LONG: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
CAPACITIES: Schema = {"type": "object", "additionalProperties": NUMBER}

FIELDS: dict[str, dict[str, Schema]] = {
    "customers.info": dict.fromkeys(("customer_id", "first_name", "last_name", "email", "phone_number"), TEXT),
    "customers.demographics": {
        "customer_id": TEXT, "age": WHOLE, "gender": TEXT, "income": WHOLE, "education_level": TEXT,
        "marital_status": TEXT,
    },
    "system.regions": {"region_id": TEXT, "name": TEXT},
    "stations.info": {
        **dict.fromkeys(("station_id", "name", "short_name"), TEXT), "lat": NUMBER, "lon": NUMBER,
        **dict.fromkeys(("address", "cross_street", "region_id", "post_code"), TEXT), "rental_methods": several(TEXT),
        "is_virtual_station": FLAG,
        "station_area": struct(type=TEXT, coordinates=several(several(several(several(NUMBER))))),
        "parking_type": TEXT, "parking_hoop": FLAG, "contact_phone": TEXT, "capacity": WHOLE,
        "vehicle_capacity": CAPACITIES, "is_valet_station": FLAG, "is_charging_station": FLAG,
        "rental_uris": struct(android=TEXT, ios=TEXT, web=TEXT), "vehicle_type_capacity": CAPACITIES,
    },
    "stations.status": {
        "station_id": TEXT, "num_bikes_available": WHOLE,
        "vehicle_types_available": several(struct(vehicle_type_id=TEXT, count=WHOLE)), "num_bikes_disabled": WHOLE,
        "num_docks_available": WHOLE, "num_docks_disabled": WHOLE, "is_installed": FLAG, "is_renting": FLAG,
        "is_returning": FLAG, "last_reported": LONG,
        "vehicle_docks_available": several(struct(vehicle_type_ids=several(TEXT), count=WHOLE)),
    },
}  # fmt: skip

EVOLVED = {"customers.demographics": {"ethnicity": TEXT}}
"""Fields that a later version of a feed's schema has; no SQL reads them."""


def schema_of(feed: str, *, evolved: bool = False) -> str:
    """As text; every field may be null."""
    fields = FIELDS[feed] | (EVOLVED.get(feed, {}) if evolved else {})
    title = "".join(part.title() for part in feed.split("."))
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **struct(**fields)})
