"""The stock quickstarts: an Avro schema each, with `arg.properties` that say how values are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Quickstart:
    """`key` names the field that is the record's key too; None: no key."""

    schema: Json
    key: str | None = None


def _record(name: str, *fields: Json, namespace: str = "ksql") -> Json:
    return {"type": "record", "name": name, "namespace": namespace, "fields": list(fields)}


def _field(name: str, kind: str, **properties: Any) -> Json:
    return {"name": name, "type": {"type": kind, "arg.properties": properties} if properties else kind}


def _numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(1, count + 1)]


_USER = [f"User_{number}" for number in range(1, 10)]
_REGIONS = [f"Region_{number}" for number in range(1, 10)]
_GENDERS = ["MALE", "FEMALE", "OTHER"]
_TIME: Mapping[str, Any] = {"range": {"min": 1_487_715_775_521, "max": 1_519_273_364_600}}
_ADDRESS = {
    "name": "address",
    "type": _record(
        "address", _field("city", "string", regex="City_[1-9][0-9]?"),
        _field("state", "string", regex="State_[1-9][0-9]?"),
        _field("zipcode", "long", range={"min": 10_000, "max": 99_999}),
    ),
}  # fmt: skip
_FIRST = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Margaret", "Alan", "Radia", "Ken", "Frances"]
_LAST = ["Okafor", "Lindqvist", "Moreau", "Tanaka", "Silva", "Novak", "Haddad", "Kowalski", "Murray", "Iyer"]
_AGENTS = ["Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (compatible; Googlebot/2.1)", "curl/8.5.0"]
_PAGES = ["/site/login.html", "/site/user_status.html", "/images/track.png", "/images/logo-small.png", "/index.html"]

QUICKSTARTS: Mapping[str, Quickstart] = {
    "users": Quickstart(
        _record(
            "users", _field("registertime", "long", **_TIME), _field("userid", "string", options=_USER),
            _field("regionid", "string", options=_REGIONS), _field("gender", "string", options=_GENDERS),
        ), "userid",
    ),
    "users_": Quickstart(
        _record(
            "users", _field("registertime", "long", **_TIME), _field("userid", "string", options=_USER),
            _field("regionid", "string", options=_REGIONS), _field("gender", "string", options=_GENDERS),
            {"name": "interests", "type": {"type": "array", "items": {
                "type": "string", "arg.properties": {"options": ["News", "Movies", "Sport", "Game", "Travel"]}},
                "arg.properties": {"length": 2}}},
            {"name": "contactinfo", "type": {"type": "map", "values": "string", "arg.properties": {
                "length": 2, "keys": {"options": ["phone", "city", "state", "zipcode"]}}}},
        ), "userid",
    ),
    "pageviews": Quickstart(
        _record(
            "pageviews", _field("viewtime", "long", iteration={"start": 1, "step": 10}),
            _field("userid", "string", options=_USER), _field("pageid", "string", regex="Page_[1-9][0-9]"),
        ), "viewtime",
    ),
    "orders": Quickstart(
        _record(
            "orders", _field("ordertime", "long", **_TIME),
            _field("orderid", "int", iteration={"start": 0, "step": 1}),
            _field("itemid", "string", regex="Item_[1-9][0-9]{0,2}"),
            _field("orderunits", "double", range={"min": 0.1, "max": 10.0}), _ADDRESS,
        ), "orderid",
    ),
    "clickstream": Quickstart(
        _record(
            "clickstream", _field("ip", "string", regex="(111|122|222|233)\\.(152|168|173|203)\\.[1-9]\\.(68|90|145)"),
            _field("userid", "int", range={"min": 1, "max": 40}), _field("remote_user", "string", options=["-"]),
            _field("time", "string", iteration={"start": 1, "step": 10}),
            _field("_time", "long", iteration={"start": 1, "step": 10}),
            _field("request", "string", options=[f"GET {page} HTTP/1.1" for page in _PAGES]),
            _field("status", "string", options=["200", "302", "404", "405", "406", "407"]),
            _field("bytes", "string", options=["278", "1289", "2048", "4096", "4006", "4196", "14096"]),
            _field("referrer", "string", options=["-"]), _field("agent", "string", options=_AGENTS),
        ), "ip",
    ),
    "clickstream_users": Quickstart(
        _record(
            "users", _field("user_id", "int", iteration={"start": 1, "step": 1}),
            _field("username", "string", options=_numbered("clicker_", 40)), _field("registered_at", "long", **_TIME),
            _field("first_name", "string", options=_FIRST), _field("last_name", "string", options=_LAST),
            _field("city", "string", options=["Palo Alto", "San Francisco", "Raleigh", "London", "Frankfurt",
            "New York"]),
            _field("level", "string", options=["Gold", "Silver", "Platinum"]),
        ), "user_id",
    ),
    "clickstream_codes": Quickstart(
        _record(
            "codes", _field("code", "int", options=[200, 302, 404, 405, 406, 407]),
            _field("definition", "string", options=["Successful", "Redirect", "Page not found", "Not acceptable"]),
        ), "code",
    ),
    "stock_trades": Quickstart(
        _record(
            "StockTrade", _field("side", "string", options=["BUY", "SELL"]),
            _field("quantity", "int", range={"min": 1, "max": 5001}),
            _field("symbol", "string", options=["ZBZX", "ZJZZT", "ZTEST", "ZVV", "ZVZZT", "ZWZZT", "ZXZZT"]),
            _field("price", "int", range={"min": 5, "max": 1001}),
            _field("account", "string", options=["ABC123", "LMN456", "XYZ789"]),
            _field("userid", "string", options=_USER),
        ), "symbol",
    ),
    "ratings": Quickstart(
        _record(
            "ratings", _field("rating_id", "long", iteration={"start": 1, "step": 1}),
            _field("user_id", "int", range={"min": 1, "max": 20}), _field("stars", "int", range={"min": 1, "max": 6}),
            _field("route_id", "int", range={"min": 1, "max": 10_000}),
            _field("rating_time", "long", iteration={"start": 1, "step": 10}),
            _field("channel", "string", options=["web", "ios", "android", "iOS-test"]),
            _field("message", "string", options=["worst. flight. ever.", "thank you for the friendly crew",
                   "is this as good as it gets?", "more peanuts please", "your team here rocks!", "meh",
                   "Exceeded all my expectations."]),
        ), "rating_id",
    ),
    "inventory": Quickstart(
        _record(
            "inventory", _field("id", "long", iteration={"start": 0, "step": 1}),
            _field("quantity", "int", range={"min": 1, "max": 101}),
            _field("productid", "int", range={"min": 1, "max": 101}),
        ), "id",
    ),
    "product": Quickstart(
        _record(
            "product", _field("id", "int", iteration={"start": 1, "step": 1}),
            _field("name", "string", regex="Product [A-Z][a-z]{4}"),
            _field("description", "string", options=["light", "sturdy", "foldable", "waterproof"]),
            _field("price", "double", range={"min": 1.0, "max": 500.0}),
        ), "id",
    ),
    "purchases": Quickstart(
        _record(
            "purchase", _field("id", "long", iteration={"start": 0, "step": 1}),
            _field("item_type", "string", options=["food", "drink", "book", "toy", "tool"]),
            _field("quantity", "long", range={"min": 1, "max": 10}),
        ), "id",
    ),
    "transactions": Quickstart(
        _record(
            "transactions", _field("transaction_id", "long", iteration={"start": 1, "step": 1}),
            _field("card_id", "long", range={"min": 1, "max": 20}), _field("user_id", "string", options=_USER),
            _field("purchase_id", "long", iteration={"start": 0, "step": 1}),
            _field("store_id", "int", range={"min": 1, "max": 8}),
        ), "transaction_id",
    ),
    "stores": Quickstart(
        _record(
            "stores", _field("store_id", "int", iteration={"start": 1, "step": 1}),
            _field("city", "string", options=["London", "Raleigh", "Lagos", "Kyoto", "Lima"]),
            _field("state", "string", regex="[A-Z]{2}"),
        ), "store_id",
    ),
    "credit_cards": Quickstart(
        _record(
            "cards", _field("card_id", "long", iteration={"start": 1, "step": 1}),
            _field("card_number", "string", regex="[1-9][0-9]{3}-[0-9]{4}-[0-9]{4}-[0-9]{4}"),
            _field("cvv", "string", regex="[0-9]{3}"),
            _field("expiration_date", "string", regex="(0[1-9]|1[0-2])/3[0-9]"),
        ), "card_id",
    ),
    "pizza_orders": Quickstart(
        _record(
            "pizza_orders", _field("store_id", "int", range={"min": 1, "max": 8}),
            _field("store_order_id", "int", iteration={"start": 1000, "step": 1}),
            _field("coupon_code", "int", range={"min": 1000, "max": 2000}),
            _field("date", "int", range={"min": 18_000, "max": 19_500}),
            _field("status", "string", options=["accepted", "baking", "delivered"]),
        ), "store_id",
    ),
    "gaming_players": Quickstart(
        _record(
            "players", _field("player_id", "int", iteration={"start": 1000, "step": 1}),
            _field("player_name", "string", options=_FIRST),
            _field("ip", "string", regex="10\\.[1-9][0-9]\\.[1-9]\\.[1-9]"),
        ), "player_id",
    ),
    "gaming_games": Quickstart(
        _record(
            "games", _field("id", "long", iteration={"start": 1, "step": 1}),
            _field("room_id", "int", range={"min": 1000, "max": 5000}),
            _field("game", "string", options=["chess", "go", "checkers", "backgammon"]),
        ), "id",
    ),
    "gaming_player_activity": Quickstart(
        _record(
            "player_activity", _field("player_id", "int", range={"min": 1000, "max": 1100}),
            _field("game_room_id", "int", range={"min": 1000, "max": 5000}),
            _field("points", "int", range={"min": 1, "max": 501}),
            _field("coordinates", "string", regex="\\[[0-9]{2},[0-9]{2}\\]"),
        ), "player_id",
    ),
    "device_information": Quickstart(
        _record(
            "devices", _field("device_ip", "string", regex="192\\.168\\.[1-9]\\.[1-9][0-9]"),
            _field("mac", "string", regex="([0-9a-f]{2}:){5}[0-9a-f]{2}"), _field("owner", "string", options=_FIRST),
        ), "device_ip",
    ),
    "syslog_logs": Quickstart(
        _record(
            "logs", _field("ts", "long", iteration={"start": 1_600_000_000_000, "step": 1000}),
            _field("host", "string", regex="web-[0-9]{2}"), _field("facility", "int", range={"min": 0, "max": 24}),
            _field("severity", "int", range={"min": 0, "max": 8}),
            _field("message", "string", options=["session opened", "session closed", "Invalid user", "link is up"]),
        ), "host",
    ),
    "shoes": Quickstart(
        _record(
            "shoes", _field("id", "string", regex="[0-9a-f]{8}-[0-9a-f]{4}"),
            _field("brand", "string", options=["Boots & Co", "Swift", "Runwell"]),
            _field("name", "string", regex="Model [A-Z]{2}[0-9]"),
            _field("sale_price", "int", range={"min": 2000, "max": 20_000}),
            _field("rating", "double", range={"min": 1.0, "max": 5.0}),
        ), "id",
    ),
    "shoe_customers": Quickstart(
        _record(
            "customers", _field("id", "string", regex="[0-9a-f]{8}-[0-9a-f]{4}"),
            _field("first_name", "string", options=_FIRST),
            _field("last_name", "string", options=_LAST), _field("email", "string", regex="[a-z]{6}@example\\.com"),
            _field("phone", "string", regex="[0-9]{3}-[0-9]{3}-[0-9]{4}"),
        ), "id",
    ),
    "shoe_orders": Quickstart(
        _record(
            "orders", _field("order_id", "int", iteration={"start": 1000, "step": 1}),
            _field("product_id", "string", regex="[0-9a-f]{8}-[0-9a-f]{4}"),
            _field("customer_id", "string", regex="[0-9a-f]{8}-[0-9a-f]{4}"),
            _field("ts", "long", iteration={"start": 1_609_459_200_000, "step": 100_000}),
        ), "order_id",
    ),
    "campaign_finance": Quickstart(
        _record(
            "campaign_finance", _field("time", "long", iteration={"start": 1, "step": 10}),
            _field("candidate_id", "string", regex="[A-Z][0-9]{7}"),
            _field("party_affiliation", "string", options=["IND", "GRE", "LIB"]),
            _field("contribution", "long", range={"min": 5, "max": 5001}),
        ), "time",
    ),
    "insurance_offers": Quickstart(
        _record(
            "insurance_offers", _field("offer_id", "int", iteration={"start": 1, "step": 1}),
            _field("offer", "string", options=["new_bundle", "bundle_upgrade", "umbrella"]),
        ), "offer_id",
    ),
    "insurance_customers": Quickstart(
        _record(
            "insurance_customers", _field("customer_id", "int", iteration={"start": 1, "step": 1}),
            _field("first_name", "string", options=_FIRST), _field("last_name", "string", options=_LAST),
            _field("insurance_id", "string", regex="[A-Z]{2}[0-9]{5}"),
        ), "customer_id",
    ),
    "insurance_customer_activity": Quickstart(
        _record(
            "insurance_customer_activity", _field("activity_id", "int", iteration={"start": 1, "step": 1}),
            _field("customer_id", "int", range={"min": 1, "max": 501}),
            _field("activity_type", "string", options=["branch_visit", "app_open", "mobile_click", "web_click"]),
            _field("propensity_to_buy", "double", range={"min": 0.0, "max": 1.0}),
        ), "activity_id",
    ),
}  # fmt: skip
