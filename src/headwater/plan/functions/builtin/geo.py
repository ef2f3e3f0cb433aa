"""Distances on the globe."""

from __future__ import annotations

import math

from headwater.core.errors import FunctionError
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import Double

_RADIUS_KM = 6371.0
_RADIUS_MILES = 3959.0
_MILES = frozenset({"MI", "MILE", "MILES"})
_KILOMETERS = frozenset({"", "KM", "KILOMETER", "KILOMETERS", "KILOMETRE", "KILOMETRES"})


@udf("GEO_DISTANCE", description="The great-circle distance of two points, in km or miles")
def geo_distance(lat1: Double, lon1: Double, lat2: Double, lon2: Double) -> Double:
    return _distance(lat1, lon1, lat2, lon2, _RADIUS_KM)


@udf("GEO_DISTANCE")
def geo_distance_in(lat1: Double, lon1: Double, lat2: Double, lon2: Double, unit: str | None) -> Double:
    name = (unit or "").strip().upper()
    if name not in _MILES and name not in _KILOMETERS:
        raise FunctionError(
            f"GeoDistance function units parameter must be one of [MI, MILE, MILES, KM, KILOMETER,"
            f" KILOMETERS, KILOMETRE, KILOMETRES]. Was: {unit}"
        )
    return _distance(lat1, lon1, lat2, lon2, _RADIUS_MILES if name in _MILES else _RADIUS_KM)


def _distance(lat1: float, lon1: float, lat2: float, lon2: float, radius: float) -> float:
    """The haversine formula."""
    if not (-90 <= lat1 <= 90 and -90 <= lat2 <= 90):
        raise FunctionError(
            "valid latitude values for GeoDistance function are in the range of -90 to 90 decimal degrees"
        )
    if not (-180 <= lon1 <= 180 and -180 <= lon2 <= 180):
        raise FunctionError(
            "valid longitude values for GeoDistance function are in the range of -180 to +180 decimal degrees"
        )
    half_lat, half_lon = _radians(lat2 - lat1) / 2, _radians(lon2 - lon1) / 2
    chord = math.sin(half_lat) ** 2 + math.sin(half_lon) ** 2 * math.cos(_radians(lat1)) * math.cos(_radians(lat2))
    return radius * 2 * math.asin(math.sqrt(chord))


def _radians(degrees: float) -> float:
    """Divided first, as Java did when the distances that people compare with were computed: the last digit depends on
    it."""
    return degrees / 180 * math.pi
