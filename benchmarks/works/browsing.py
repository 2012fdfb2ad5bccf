"""What everybody looks at: list, detail, search and home, each beside the bare reference; every answer is compared."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from benchmarks import cpu
from benchmarks.api import Api
from benchmarks.bench import Bench, Play
from benchmarks.generator.plans import Plan
from benchmarks.load import play
from benchmarks.references.running import (
    BARE,
    BARE_GROUP,
    DATABASE,
    NGINX,
    NGINX_GROUP,
    has_pgbench,
    pgbench,
)
from benchmarks.results import SHOP
from benchmarks.shop import POSTGRESQL
from benchmarks.stock import SEARCHES

CONCURRENCY = 32
PRODUCTS_LOOKED_AT = 200
PAGE = 20


async def measure_list(bench: Bench) -> None:
    """The newest 20 products of a category; the categories in turn."""
    paths = [f"/products?category_id={each}" for each in bench.stock.category_ids]
    script = "\n".join(
        [
            r"\set n random(1, 20)",
            "SELECT id, product_code, name, subtitle, image_url, min_price_fen, max_price_fen, market_price_fen, sales"
            " FROM products WHERE status = 'on_sale'"
            f" AND category_id = (ARRAY[{_literals(bench.stock.category_ids)}]::uuid[])[:n]"
            f" ORDER BY published_at DESC, id DESC LIMIT {PAGE};",
        ]
    )
    await _compare(bench, "list", paths, script=script, as_file=True)


async def measure_detail(bench: Bench) -> None:
    """A product with its SKUs and their stock; 200 products in turn."""
    chosen = _chosen(bench)
    script = "\n".join(
        [
            rf"\set n random(1, {len(chosen)})",
            "SELECT p.*, s.*, l.* FROM products p JOIN skus s ON s.product_id = p.id JOIN stock_levels l ON l.sku_id = s.id"
            f" WHERE p.id = (ARRAY[{_literals(chosen)}]::uuid[])[:n];",
        ]
    )
    await _compare(bench, "detail", [f"/products/{each}" for each in chosen], script=script, as_file=True)


async def measure_search(bench: Bench) -> None:
    """Searches for Chinese and Latin words; the words in turn."""
    await _compare(bench, "search", searches())


async def measure_home(bench: Bench) -> None:
    """The first screen."""
    await _compare(bench, "home", ["/home"], as_file=True)


def searches() -> list[str]:
    """Where the search words lead."""
    return [f"/search?q={quote(each)}" for each in SEARCHES]


async def replay_of(
    url: str,
    paths: Sequence[str],
    *,
    concurrency: int,
    seconds: float,
    headers: Mapping[str, str] | None = None,
) -> Plan:
    """A plan of these pages; each has to be what it is now, to the byte."""
    api, also = Api(url), tuple((headers or {}).items())
    exchanges = [
        {
            "method": "GET",
            "path": path,
            "headers": also,
            "is": (await api.answer("GET", path, headers=also)).body.decode(),
        }
        for path in paths
    ]
    api.close()
    return {
        "kind": "replay",
        "host": api.host,
        "port": api.port,
        "concurrency": concurrency,
        "seconds": seconds,
        "units": None,
        "given": {"exchanges": exchanges},
    }


async def _compare(
    bench: Bench, work: str, paths: Sequence[str], *, script: str | None = None, as_file: bool = False
) -> None:
    shop, references, seconds = bench.shop, bench.references, bench.size.seconds
    ours = await replay_of(shop.url, paths, concurrency=CONCURRENCY, seconds=seconds)
    theirs = await replay_of(references.bare_url, paths, concurrency=CONCURRENCY, seconds=seconds)
    bench.results.faults += differences(work, ours, theirs)

    def meter() -> dict[str, float]:
        return cpu.cpu_seconds(shop.roots() | dict(references.roots))

    sides: dict[str, Play] = {
        SHOP: lambda: play(ours, shop.cpu_seconds),
        BARE: lambda: play(theirs, meter, groups=(BARE_GROUP, POSTGRESQL)),
    }
    if script is not None and has_pgbench():
        sides[DATABASE] = lambda: pgbench(
            shop, "catalog", script, meter, seconds=seconds, folder=bench.folder
        )
    if as_file and references.nginx_url is not None:
        files = _as_files(bench, work, ours)
        static = await replay_of(references.nginx_url, files, concurrency=CONCURRENCY, seconds=seconds)
        sides[NGINX] = lambda: play(static, meter, groups=(NGINX_GROUP,))
    await bench.compare(work, sides)


def differences(work: str, ours: Plan, theirs: Plan) -> list[str]:
    """Where the shop's answer shows other products than the rows do, by the bare reference's own SQL.

    Two orders of equally good products are the same.
    """
    found = []
    for a, b in zip(ours["given"]["exchanges"], theirs["given"]["exchanges"], strict=True):
        shown, expected = products_in(json.loads(a["is"])), products_in(json.loads(b["is"]))
        wrong = (
            [each for each in shown if each in expected and shown[each] != expected[each]]
            if work == "search"
            else [each for each in shown.keys() | expected.keys() if shown.get(each) != expected.get(each)]
        )
        if wrong or (expected and not shown):
            found.append(f"{work}: {a['path']} shows other products than the rows: {wrong[:3]}")
    return found


def products_in(document: Any) -> dict[str, tuple[Any, ...]]:
    """Every product that a document shows, with what it costs and whether it can be bought."""
    found: dict[str, tuple[Any, ...]] = {}
    if isinstance(document, dict):
        if "product_id" in document and "min_price_fen" in document:
            found[document["product_id"]] = tuple(
                document[name] for name in ("name", "min_price_fen", "max_price_fen", "is_in_stock")
            ) + tuple((sku["sku_id"], sku["price_fen"], sku["available"]) for sku in document.get("skus", ()))
        for value in document.values():
            found |= products_in(value)
    elif isinstance(document, list):
        for value in document:
            found |= products_in(value)
    return found


def _as_files(bench: Bench, work: str, plan: Plan) -> list[str]:
    """The shop's answers as files for nginx; where they are found."""
    paths = []
    for number, each in enumerate(plan["given"]["exchanges"]):
        name = f"{work}-{number}.json"
        (bench.references.nginx_root / name).write_text(each["is"])
        paths.append(f"/{name}")
    return paths


def _chosen(bench: Bench) -> list[str]:
    products = list(bench.stock.product_ids)
    return random.Random(1).sample(products, min(PRODUCTS_LOOKED_AT, len(products)))


def _literals(ids: Sequence[str]) -> str:
    return ", ".join(f"'{each}'" for each in ids)
