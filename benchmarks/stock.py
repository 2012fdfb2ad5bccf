"""What the shop sells: goods in categories, put in by an import file through the operators' API."""

import asyncio
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.api import Api, Refused

CATEGORIES = (
    *("灯笼", "茶壶", "雨伞", "毛毯", "书包", "相机", "耳机", "台灯", "围巾", "帽子"),
    *("手套", "水杯", "花瓶", "蜡烛", "砚台", "风筝", "竹席", "陶罐", "木梳", "香炉"),
)
MATERIALS = ("手工", "竹编", "青瓷", "羊毛", "亚麻", "铸铁", "胡桃", "真丝", "折叠", "便携")
SERIES = ("Aster", "Birch", "Cedar", "Dahlia", "Elm", "Fern", "Ginkgo", "Hazel", "Iris", "Juniper")
SIZES = ("大", "小")
UNITS = 1_000_000
"""So many units of each SKU that they never run out."""

SEARCHES = (
    *CATEGORIES[:6],
    *(material + noun for material, noun in zip(MATERIALS[:6], CATEGORIES[6:12], strict=True)),
    *SERIES[:8],
)
"""What is searched for: Chinese words, Chinese words run together, Latin words."""

IMPORT_SECONDS = 300.0
BOUNDARY = "jishi-bench"


@dataclass(frozen=True, slots=True)
class Stock:
    """The ids of what is there."""

    category_ids: tuple[str, ...]
    products: dict[str, tuple[str, ...]]
    """The ids of the SKUs of each product."""

    numbers: dict[str, int]
    """Which product of the import file each of them is."""

    @property
    def product_ids(self) -> tuple[str, ...]:
        """All products."""
        return tuple(self.products)


def price_fen(number: int) -> int:
    """What product number n costs; no two neighbours the same, and none divides well."""
    return 1_999 + number * 37 % 20_000


def rows(products: int) -> Iterator[dict[str, str]]:
    """The lines of the import file: two SKUs a product; products are dealt out to the categories in turn."""
    for number in range(products):
        noun, material = CATEGORIES[number % 20], MATERIALS[number // 20 % 10]
        series = SERIES[number // 200 % 10]
        code = f"B{number:05}"
        for at, size in enumerate(SIZES):
            yield {
                "product_code": code,
                "name": f"{series} {material}{noun} {number:04}号",
                "category": noun,
                "sku_code": f"{code}-{at}",
                "options": f"规格={size}",
                "price_yuan": f"{price_fen(number) / 100:.2f}",
                "market_price_yuan": "",
                "stock": str(UNITS),
                "weight_grams": "300",
                "status": "on_sale",
                "keywords": f"{noun}|{material}|{series}",
                "description": f"{material}的{noun}，{series} 系列第 {number} 款。" * 4,
            }


def import_file(products: int) -> bytes:
    """The file as it is uploaded."""
    text = io.StringIO()
    lines = list(rows(products))
    writer = csv.DictWriter(text, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


async def stock_the_shop(operator: Api, *, products: int) -> Stock:
    """Make categories, goods, a home page, a coupon and a full reduction."""
    category_ids = [
        (await operator.post("/operator/categories", {"name": name}))["category_id"] for name in CATEGORIES
    ]
    await _import(operator, import_file(products))
    await _home_page(operator, category_ids)
    found = [await operator.get(f"/products/{card['product_id']}") for card in await _all_products(operator)]
    return Stock(
        tuple(category_ids),
        {each["product_id"]: tuple(sku["sku_id"] for sku in each["skus"]) for each in found},
        {each["product_id"]: int(each["product_code"][1:]) for each in found},
    )


async def hot_product(operator: Api, category_id: str, *, units: int) -> str:
    """A product of one SKU with so many units; its SKU."""
    code = f"HOT-{units}"
    product = await operator.post(
        "/operator/products",
        {
            "product_code": code,
            "name": f"秒杀 {code}",
            "category_id": category_id,
            "options": [],
            "media": [],
            "skus": [
                {"sku_code": code, "options": {}, "price_fen": 9_900, "stock": units, "weight_grams": 300}
            ],
        },
    )
    await operator.post(f"/operator/products/{product['product_id']}/publish")
    return str(product["skus"][0]["sku_id"])


async def _import(operator: Api, content: bytes) -> None:
    head = (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="goods.csv"\r\n'
        "content-type: text/csv\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = (("content-type", f"multipart/form-data; boundary={BOUNDARY}"),)
    answer = await operator.answer("POST", "/operator/product-imports", body, headers=headers)
    import_id = answer.json()["import_id"]
    async with asyncio.timeout(IMPORT_SECONDS):
        while (state := await operator.get(f"/operator/product-imports/{import_id}"))["state"] != "done":
            await asyncio.sleep(0.2)
    if state["rows_failed"]:
        raise Refused(f"the import did not take {state['rows_failed']} rows")


async def _home_page(operator: Api, category_ids: list[str]) -> None:
    target = {"kind": "category", "value": category_ids[0]}
    await operator.put(
        "/operator/storefront",
        {
            "banners": [{"image_url": f"/media/b{n}.svg", "alt": "横幅", "target": target} for n in range(3)],
            "entries": [
                {"name": CATEGORIES[n], "icon_url": f"/media/e{n}.svg", "target": target} for n in range(8)
            ],
            "featured_category_ids": category_ids[:4],
            "hot_words": list(CATEGORIES[:6]),
        },
    )
    template = await operator.post(
        "/operator/coupon-templates",
        {
            "name": "开张券",
            "kind": "amount",
            "amount_fen": 500,
            "threshold_fen": 10_000,
            "scope": {"kind": "all"},
            "total_quota": 1_000_000,
            "per_member_limit": 1,
            "valid_days": 30,
        },
    )
    await operator.post(f"/operator/coupon-templates/{template['template_id']}/start")


async def _all_products(operator: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = await operator.get("/products", limit=100, sort="price", **after)
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}
