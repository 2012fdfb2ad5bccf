"""The shop's pages are held against the bare reference's, which reads the same rows with SQL of its own."""

import json
from typing import Any

from benchmarks.generator.plans import Plan
from benchmarks.stock import CATEGORIES, import_file, price_fen, rows
from benchmarks.works.browsing import differences, products_in

CARD = {"product_id": "p", "name": "n", "min_price_fen": 1, "max_price_fen": 2, "is_in_stock": True}


def plan_of(*documents: Any) -> Plan:
    return {
        "kind": "replay",
        "host": "h",
        "port": 1,
        "concurrency": 1,
        "seconds": 1,
        "units": None,
        "given": {"exchanges": [{"path": "/", "is": json.dumps(document)} for document in documents]},
    }


def test_products_are_found_wherever_they_stand() -> None:
    detail = {**CARD, "skus": [{"sku_id": "s", "price_fen": 1, "available": 7}]}
    assert products_in({"a": [{"b": CARD}]}) == {"p": ("n", 1, 2, True)}
    assert products_in(detail) == {"p": ("n", 1, 2, True, ("s", 1, 7))}


def test_a_page_that_shows_the_rows_has_no_difference() -> None:
    assert differences("list", plan_of({"items": [CARD], "next": None}), plan_of({"items": [CARD]})) == []


def test_another_price_another_stock_or_a_missing_product_is_a_difference() -> None:
    for other in ({"items": [{**CARD, "min_price_fen": 2}]}, {"items": [{**CARD, "is_in_stock": False}]}, {}):
        assert len(differences("list", plan_of(other), plan_of({"items": [CARD]}))) == 1


def test_searches_may_rank_otherwise_but_not_show_other_prices_or_nothing() -> None:
    ours, theirs = {**CARD, "product_id": "q"}, CARD
    assert differences("search", plan_of([ours]), plan_of([theirs])) == []
    assert len(differences("search", plan_of([{**CARD, "max_price_fen": 9}]), plan_of([CARD]))) == 1
    assert len(differences("search", plan_of([]), plan_of([CARD]))) == 1


def test_a_thousand_products_are_two_thousand_skus_in_twenty_categories() -> None:
    lines = list(rows(1_000))
    assert len({line["sku_code"] for line in lines}) == len(lines) == 2_000
    assert len({line["product_code"] for line in lines}) == 1_000
    in_first = {line["product_code"] for line in lines if line["category"] == CATEGORIES[0]}
    assert len(in_first) == 50
    assert lines[6]["price_yuan"] == f"{price_fen(3) // 100}.{price_fen(3) % 100:02}"
    assert len(import_file(1_000)) < 5 * 1024 * 1024
