"""Finding goods by one character, by pinyin, and in spite of a slip (SE-01, SE-02)."""

import asyncio
import random
import time
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from services.catalog import fresh
from services.catalog.fresh import FRESH_SECONDS
from services.catalog.resources import CatalogResources
from shared import pruning
from shared.ids import new_id
from tests.integration.catalog.goods import Catalog, paid

GOODS = {
    "透明手机壳 防摔": ["手机壳"],
    "复古皮质手机壳": ["手机壳", "真皮"],
    "无糖 青柠苏打水 12罐": ["苏打水", "汽水"],
    "玻璃保温杯 500ml": ["保温杯", "水杯"],
    "重庆火锅底料 牛油": ["火锅底料", "重庆"],
    "ｉＰｈｏｎｅ 15 钢化膜": ["钢化膜", "iPhone"],
}


@pytest.fixture(autouse=True)
def nothing_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search comes later than the moment for which what was found is fresh."""
    monkeypatch.setattr(fresh, "FRESH_SECONDS", 0.0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def goods(catalog: Catalog) -> dict[str, str]:
    """The goods above, on sale; their ids by name."""
    category_id = await catalog.category()
    return {
        name: (await catalog.product(name=name, keywords=keywords, category_id=category_id))["product_id"]
        for name, keywords in GOODS.items()
    }


async def found(catalog: Catalog, query: str, goods: dict[str, str], **more: Any) -> tuple[list[str], bool]:
    """The names found, of the goods above, best first; and whether they fit exactly."""
    answer = await catalog.get("/search", params={"q": query, "limit": 100} | more)
    assert answer.status_code == 200, answer.text
    names = {product_id: name for name, product_id in goods.items()}
    page = answer.json()
    return [names[item["product_id"]] for item in page["items"] if item["product_id"] in names], page[
        "is_exact"
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("杯", {"玻璃保温杯 500ml"}),
        ("水", {"无糖 青柠苏打水 12罐", "玻璃保温杯 500ml"}),
        ("手机", {"透明手机壳 防摔", "复古皮质手机壳"}),
        ("手机壳 透明", {"透明手机壳 防摔"}),
        ("无糖苏打水", {"无糖 青柠苏打水 12罐"}),
        ("汽水", {"无糖 青柠苏打水 12罐"}),
        ("iphone15", {"ｉＰｈｏｎｅ 15 钢化膜"}),
        ("ＩＰＨＯ", {"ｉＰｈｏｎｅ 15 钢化膜"}),
    ],
)
async def test_words_are_found_wherever_they_stand(
    catalog: Catalog, goods: dict[str, str], query: str, names: set[str]
) -> None:
    hits, is_exact = await found(catalog, query, goods)
    assert set(hits) == names
    assert is_exact


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("shoujike", "透明手机壳 防摔"),
        ("shouji", "透明手机壳 防摔"),
        ("sjk", "透明手机壳 防摔"),
        ("sj", "透明手机壳 防摔"),
        ("chongqing", "重庆火锅底料 牛油"),
        ("baowenbie", "玻璃保温杯 500ml"),
        ("手几壳", "透明手机壳 防摔"),
        ("火锅低料", "重庆火锅底料 牛油"),
        ("苏打氺", "无糖 青柠苏打水 12罐"),
    ],
)
async def test_pinyin_initials_and_slips_find_what_was_meant(
    catalog: Catalog, goods: dict[str, str], query: str, name: str
) -> None:
    hits, is_exact = await found(catalog, query, goods)
    assert name in hits
    assert not is_exact


async def test_a_hit_in_the_name_comes_before_one_in_the_keywords_and_sales_decide_between_equals(
    catalog: Catalog,
) -> None:
    word = _word()
    by_keyword = await catalog.product(keywords=[word])
    quiet = await catalog.product(name=f"{word}甲")
    popular = await catalog.product(name=f"{word}乙")
    sold_out = await catalog.product(name=f"{word}丙", stock=0)
    sku_id, order_id = popular["skus"][0]["sku_id"], new_id()
    await catalog.announce("count-sales", paid(order_id, {sku_id: 9}, popular["product_id"]))
    items = (await catalog.get("/search", params={"q": word})).json()["items"]
    assert [item["product_id"] for item in items] == [
        each["product_id"] for each in (popular, quiet, sold_out, by_keyword)
    ]
    assert items[0]["sales"] == 9
    assert not items[2]["is_in_stock"]


async def test_results_come_in_pages_that_neither_repeat_nor_miss_any(catalog: Catalog) -> None:
    word = _word()
    category_id = await catalog.category()
    made = {
        (await catalog.product(name=f"{word}{number}", category_id=category_id))["product_id"]
        for number in range(7)
    }
    seen: list[str] = []
    after = None
    while True:
        params = {"q": word, "limit": 3} | ({"after": after} if after else {})
        page = (await catalog.get("/search", params=params)).json()
        seen += [item["product_id"] for item in page["items"]]
        if (after := page["next"]) is None:
            break
    assert len(seen) == 7
    assert set(seen) == made


async def test_what_is_taken_off_sale_or_renamed_is_no_longer_found_under_its_old_name(
    catalog: Catalog,
) -> None:
    old, new = _word(), _word()
    product = await catalog.product(name=old)
    path = f"/operator/products/{product['product_id']}"
    await catalog.operate("PATCH", path, {"version": product["version"], "name": new})
    assert (await catalog.get("/search", params={"q": old})).json()["items"] == []
    assert len((await catalog.get("/search", params={"q": new})).json()["items"]) == 1
    await catalog.operate("POST", f"{path}/unpublish")
    assert (await catalog.get("/search", params={"q": new})).json()["items"] == []


async def test_a_renamed_category_leads_to_its_goods_by_its_new_name(catalog: Catalog) -> None:
    old, new = _word(), _word()
    category_id = await catalog.category(old)
    below = await catalog.category(parent_id=category_id)
    product = await catalog.product(category_id=below)
    assert len((await catalog.get("/search", params={"q": old})).json()["items"]) == 1
    await catalog.operate("PATCH", f"/operator/categories/{category_id}", {"name": new})
    await catalog.shop.platform.workers["catalog"].timer_loop.run_due()
    assert (await catalog.get("/search", params={"q": old})).json()["items"] == []
    [item] = (await catalog.get("/search", params={"q": new})).json()["items"]
    assert item["product_id"] == product["product_id"]


@pytest.mark.parametrize("typed", ["保温", "baowen", "bwb", "baowenbei", "ＢＡＯＷＥＮ"])
async def test_what_is_typed_is_completed_in_chinese_pinyin_and_initials(
    catalog: Catalog, goods: dict[str, str], typed: str
) -> None:
    items = (await catalog.get("/search/suggestions", params={"q": typed})).json()["items"]
    assert {"term": "保温杯", "kind": "term"} in items


async def test_a_slip_in_pinyin_still_leads_to_a_suggestion(catalog: Catalog, goods: dict[str, str]) -> None:
    items = (await catalog.get("/search/suggestions", params={"q": "shoujika"})).json()["items"]
    assert {"term": "手机壳", "kind": "term"} in items


async def test_a_term_is_suggested_only_while_it_leads_to_goods(catalog: Catalog) -> None:
    word = _word()
    product = await catalog.product(keywords=[word])

    async def suggested() -> list[str]:
        items = (await catalog.get("/search/suggestions", params={"q": word})).json()["items"]
        return [item["term"] for item in items]

    assert await suggested() == [word]
    await catalog.operate("POST", f"/operator/products/{product['product_id']}/unpublish")
    assert await suggested() == []


async def test_what_many_search_for_is_found_once_and_counted_for_each(
    catalog: Catalog, goods: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "FRESH_SECONDS", 30.0)
    member, anybody, word = catalog.shop.as_member(), catalog.shop.as_anonymous(), _word()
    answers = [
        await anybody.get("catalog", "/search", params={"q": word}),
        await member.get("catalog", "/search", params={"q": f" {word}　"}),
        await member.get("catalog", "/search", params={"q": word}),
        await anybody.get("catalog", "/search", params={"q": word, "limit": 1}),
    ]
    assert [each.headers.get("cache-status") for each in answers] == [
        None,
        "catalog; hit",
        "catalog; hit",
        None,
    ]
    assert len({each.content for each in answers}) == 1
    held = catalog.shop.platform.resources["catalog"]
    assert isinstance(held, CatalogResources)
    await held.search_log.flush()
    counted = await catalog.execute(
        "SELECT searches, results FROM search_queries WHERE query = :query", query=word
    )
    assert [tuple(row) for row in counted] == [(4, 0)]
    history = await catalog.execute("SELECT member_id FROM search_history WHERE query = :query", query=word)
    assert [row[0] for row in history] == [member.principal.member_id]


async def test_a_change_is_found_within_a_second_by_whoever_searches_however_often(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "FRESH_SECONDS", FRESH_SECONDS)
    word = _word()

    async def is_found() -> bool:
        return bool((await catalog.get("/search", params={"q": word})).json()["items"])

    assert not await is_found()
    await catalog.product(name=word)
    changed_at = time.monotonic()
    while True:
        asked_at = time.monotonic()
        if await is_found():
            break
        assert asked_at < changed_at + 1
        await asyncio.sleep(0.02)


async def test_searches_become_hot_words_history_and_a_list_of_what_was_not_found(
    catalog: Catalog, goods: dict[str, str]
) -> None:
    vain, phone = _word(), "13800138000"
    member, other = catalog.shop.as_member(), catalog.shop.as_member()
    for _ in range(3):
        await member.get("catalog", "/search", params={"q": "手机壳"})
        await member.get("catalog", "/search", params={"q": vain})
        await member.get("catalog", "/search", params={"q": phone})
    held = catalog.shop.platform.resources["catalog"]
    assert isinstance(held, CatalogResources)
    await held.search_log.flush()
    held.hot_words.forget()

    hot = (await catalog.get("/search/suggestions")).json()["items"]
    assert {"term": "手机壳", "kind": "hot"} in hot
    assert vain not in [item["term"] for item in hot]

    auditor = catalog.shop.as_operator("auditor")
    listed = (await auditor.get("catalog", "/operator/searches/without-result", params={"limit": 100})).json()
    assert {item["query"]: item["searches"] for item in listed["items"]}[vain] == 3
    assert await catalog.execute("SELECT query FROM search_queries WHERE query = :query", query=phone) == []
    assert await catalog.execute("SELECT query FROM search_history WHERE query = :query", query=phone) == []

    mine = (await member.get("catalog", "/search/suggestions", params={"q": vain[0]})).json()["items"]
    assert {"term": vain, "kind": "history"} in mine
    theirs = (await other.get("catalog", "/search/suggestions", params={"q": vain[0]})).json()["items"]
    assert {"term": vain, "kind": "history"} not in theirs

    assert (await member.delete("catalog", "/search/history")).status_code == 204
    mine = (await member.get("catalog", "/search/suggestions", params={"q": vain[0]})).json()["items"]
    assert {"term": vain, "kind": "history"} not in mine


async def test_it_is_forgotten_in_time_what_people_searched_for(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 3)
    word = _word()
    held = catalog.shop.platform.resources["catalog"]
    assert isinstance(held, CatalogResources)
    kept_days = held.searches_kept.days
    for days_ago in (0, 8, kept_days - 2, *range(kept_days + 2, kept_days + 9)):
        await catalog.execute(
            "INSERT INTO search_queries VALUES (current_date - CAST(:days_ago AS integer), :query, 1, 0)",
            days_ago=days_ago,
            query=word,
        )
    assert await catalog.shop.platform.workers["catalog"].pruner.prune() == {
        "idempotency_keys": 0,
        "search_queries": 7,
    }
    left = await catalog.execute(
        "SELECT current_date - searched_on FROM search_queries WHERE query = :query ORDER BY 1", query=word
    )
    assert [row[0] for row in left] == [0, 8, kept_days - 2]


@pytest.mark.parametrize(
    "query",
    [
        "", " ", "%", "_", "%%%_%", "\\", "'", "''; DROP TABLE products; --", "a' | 'b", "!手机", "手机:*", "(", "<->",
        "a & | b", ".*(a+)+$", "[[:alpha:]]", "\x00", "手\x00机", "\ufeff", "😀😀", "$1", ":q", "{{7*7}}", "=1+1",
        "a" * 200, "手" * 200, "手 " * 100, "ﷺ" * 50, "\u0301" * 100, "١٢٣", "İ", "ß", "ǅ",
    ],
)  # fmt: skip
async def test_no_query_makes_the_search_fail(catalog: Catalog, query: str) -> None:
    for path in ("/search", "/search/suggestions"):
        assert (await catalog.get(path, params={"q": query})).status_code == 200
    answer = await catalog.shop.as_operator("operations").get(
        "catalog", "/operator/products", params={"words": query[:100]}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("raw", ["q=%ED%A0%80", "q=%FF%FE", "q=%00", "q=%C0%80", "q=a&q=b", "limit=1", "q=%"])
async def test_no_byte_sequence_makes_the_search_fail(catalog: Catalog, raw: str) -> None:
    for path in ("/search", "/search/suggestions"):
        assert (await catalog.get(f"{path}?{raw}")).status_code == 200


@pytest.mark.parametrize("after", ["", "x", "W10", "WzEsMl0", "bnVsbA", "WzFlOTk5LCJ4Il0", "e30"])
async def test_a_cursor_that_is_not_ours_is_refused(catalog: Catalog, after: str) -> None:
    for path, params in (
        ("/search", {"q": "手机"}),
        ("/products", {}),
        ("/products", {"sort": "price"}),
        ("/products", {"sort": "sales"}),
    ):
        assert (await catalog.get(path, params=params | {"after": after})).status_code == 422


async def test_the_search_index_is_used_even_for_one_character(
    catalog: Catalog, goods: dict[str, str]
) -> None:
    async with catalog.engine.connect() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.execute(
            text("EXPLAIN SELECT FROM search_documents WHERE tokens @@ CAST('''杯''' AS tsquery)")
        )
        assert "search_documents_tokens_idx" in "\n".join(plan.scalars())


def _word() -> str:
    """A word in Han characters that nobody used before."""
    return "".join(chr(random.SystemRandom().randrange(0x4E00, 0x9000)) for _ in range(6))
