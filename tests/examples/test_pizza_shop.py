"""The pizza shop's own parts: its forms, its pages, and what it remembers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "pizza-shop"
NAMES = ("data", "stores", "pages", "service", "webapp")
FORM = {"sauce": ["Pesto"], "cheese": ["Vegan"], "main_topping": ["Ham"], "extra_toppings": ["Olives", "Basil"]}


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The example's modules by name; other examples have some of the same names."""
    for folder in (EXAMPLE.parent, EXAMPLE):
        monkeypatch.syspath_prepend(str(folder))
    held = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        del sys.modules[name]
    sys.modules.update(held)


@pytest.mark.parametrize(
    ("changed", "sold"),
    [
        ({}, True),
        ({"extra_toppings": []}, True),
        ({"sauce": ["Chocolate"]}, False),
        ({"cheese": []}, False),
        ({"extra_toppings": ["Olives", "Gold"]}, False),
    ],
)
def test_only_what_is_on_the_menu_is_sold(
    shop: dict[str, ModuleType], changed: dict[str, list[str]], sold: bool
) -> None:
    fields = {name: chosen for name, chosen in (FORM | changed).items() if chosen}
    pizza = shop["webapp"].chosen_pizza(fields, "ava")
    assert (pizza is not None) == sold
    if pizza is not None:
        assert (pizza.username, pizza.sauce, list(pizza.extra_toppings)) == ("ava", "Pesto", changed.get(
            "extra_toppings", FORM["extra_toppings"]))  # fmt: skip


def test_what_customers_write_is_text_on_every_page(shop: dict[str, ModuleType]) -> None:
    pages, evil = shop["pages"], "<script>\"&'"
    pizza = {"main_topping": evil, "cheese": "", "sauce": "", "extra_toppings": []}
    kept = shop["stores"].Kept(evil, "c", pizza, 0, 100)
    for page in (pages.login(evil), pages.menu(evil, evil), pages.orders(evil, [kept], evil), pages.order(evil, kept)):
        assert evil not in page
        assert "&lt;script&gt;&quot;&amp;&#x27;" in page


def test_a_status_may_come_before_its_order_and_goes_with_it(shop: dict[str, ModuleType], tmp_path: Path) -> None:
    store = shop["stores"].opened("stores:SqliteStore", tmp_path / "shop")
    pizza = shop["data"].pizza(0)
    store.tell("a", 200, 990, 1_000)
    store.place("a", pizza, 900)
    store.place("b", pizza, 950)
    assert [(one.order_id, one.status) for one in store.orders(pizza.customer_id)] == [("b", 100), ("a", 200)]
    assert [one.order_id for one in store.orders(pizza.customer_id, pizza.main_topping.upper())] == ["b", "a"]
    assert store.orders("somebody else") == []
    store.mark_stuck(1_001)
    store.tell("b", 999, 1_990, 2_000)
    store.tell("b", 300, 1_800, 2_010)
    store.mark_stuck(9_999)
    assert store.statuses() == {"a": 50, "b": 999}
    store.forget(1_500)
    assert (store.order("a"), store.order("b").status) == (None, 999)


def test_a_pizza_is_held_until_its_customer_is_known(shop: dict[str, ModuleType], tmp_path: Path) -> None:
    store = shop["stores"].SqliteStore(tmp_path)
    store.hold("a")
    assert store.customer("a") is None
    store.meet("a", "ava")
    assert (store.customer("a"), store.release("a"), store.release("a")) == ("ava", True, False)


def test_logs_are_shown_in_order_of_time(shop: dict[str, ModuleType], tmp_path: Path) -> None:
    (tmp_path / "bake.log").write_text("10:00:02.000 bake b\n")
    (tmp_path / "assemble.log").write_text("10:00:01.000 assemble a\n10:00:03.000 assemble c\n")
    lines = shop["webapp"].last_lines(tmp_path)
    assert [line[-1] for line in lines] == ["a", "b", "c"]
