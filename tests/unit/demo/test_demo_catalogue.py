"""The demo's shop holds together, and says so clearly when it does not."""

import shutil
import tomllib
from pathlib import Path

import pytest

import demo.catalogue
from demo.catalogue import FaultyShop, load
from demo.shop import Shop

DEMO = Path(demo.catalogue.__file__).parent


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load()


def test_the_shop_has_a_range_worth_looking_at(shop: Shop) -> None:
    roots = {shop.category_path(product.category)[0].name for product in shop.products}
    assert roots == {"生鲜食品", "美妆个护", "服饰家居"}
    assert (len(shop.products), len(shop.leaves)) == (128, 18)
    assert {product.category for product in shop.products} == {leaf.key for leaf in shop.leaves}
    assert sum(len(product.skus) for product in shop.products) == 294


def test_no_text_is_used_twice(shop: Shop) -> None:
    for texts in (
        [product.name for product in shop.products],
        [product.subtitle for product in shop.products],
        [product.description for product in shop.products],
    ):
        assert len(set(texts)) == len(texts)


def test_some_products_are_not_for_sale_and_some_stock_is_short(shop: Shop) -> None:
    assert {product.status for product in shop.products} == {"draft", "on_sale", "off_sale"}
    on_sale = [sku for product in shop.products if product.status == "on_sale" for sku in product.skus]
    assert [sku.code for sku in on_sale if sku.stock == 0] == ["TEA-001-125"]
    assert sum(0 < sku.stock < 10 for sku in on_sale) >= 4
    assert {sku.code for sku in on_sale if sku.sample} == {"CLEAN-001-TRY", "CLEAN-004-TRY", "CREAM-001-TRY"}


def test_every_product_has_a_cover_with_words_for_it(shop: Shop) -> None:
    for product in shop.products:
        assert product.images[0].path == f"/media/demo/{product.code}.svg"
        assert product.images[0].alt == f"{product.name}，插画"
        assert len({image.path for image in product.images}) == len(product.views)


def test_a_category_knows_its_path(shop: Shop) -> None:
    assert [category.name for category in shop.category_path("fruit")] == ["生鲜食品", "水果蔬菜", "时令水果"]


def test_what_the_rules_of_the_shop_are(shop: Shop) -> None:
    assert [(level.name, level.growth_threshold, level.discount_bp) for level in shop.member_levels] == [
        ("普通", 0, 0),
        ("白银", 500, 200),
        ("黄金", 2000, 500),
        ("钻石", 6000, 800),
    ]
    assert (shop.freight.fee_fen, shop.freight.free_from_fen) == (800, 9900)
    assert (shop.points.per_login_day, shop.points.per_yuan_paid, shop.points.per_yuan_off) == (1, 1, 100)
    assert {coupon.kind for coupon in shop.coupons} == {"amount", "percent", "freight"}


FAULTS = {
    "a price of nothing": (
        "goods/fresh.toml",
        "price_fen = 3990,",
        "price_fen = 0,",
        "products › FRUIT-001 › skus › FRUIT-001-5J › price_fen: Input should be greater than 0, not 0.",
    ),
    "a misspelt field": (
        "goods/fresh.toml",
        'subtitle = "树上挂到霜降才摘，切开能看见蜜线"',
        'subtitel = "树上挂到霜降才摘，切开能看见蜜线"',
        "products › FRUIT-001 › subtitel: Unexpected keyword argument, not '树上挂到霜降才摘，切开能看见蜜线'.",
    ),
    "a code used twice": (
        "goods/fresh.toml",
        'code = "FRUIT-001-9J"',
        'code = "FRUIT-001-5J"',
        "The SKU code FRUIT-001-5J is used 2 times.",
    ),
    "an option nobody offers": (
        "goods/fresh.toml",
        'code = "FRUIT-001-9J", options = ["9斤装"]',
        'code = "FRUIT-001-9J", options = ["8斤装"]',
        "SKU FRUIT-001-9J chooses 规格 8斤装, which its product does not offer.",
    ),
    "an option no SKU has": (
        "goods/fresh.toml",
        'options = { "规格" = ["5斤装", "9斤装"] }',
        'options = { "规格" = ["5斤装", "9斤装", "礼盒"] }',
        "FRUIT-001 offers 规格 礼盒 but no SKU has it.",
    ),
    "the same choice twice": (
        "goods/fresh.toml",
        'code = "FRUIT-001-9J", options = ["9斤装"]',
        'code = "FRUIT-001-9J", options = ["5斤装"]',
        "FRUIT-001 has 2 SKUs for the choice 5斤装.",
    ),
    "too few options": (
        "goods/fresh.toml",
        'code = "FRUIT-001-9J", options = ["9斤装"]',
        'code = "FRUIT-001-9J", options = []',
        "SKU FRUIT-001-9J chooses 0 options where its product has 1.",
    ),
    "an invented discount": (
        "goods/fresh.toml",
        "market_price_fen = 4590",
        "market_price_fen = 9900",
        "SKU FRUIT-001-5J has a market price of 9900 fen against 3990 fen.",
    ),
    "a category that is not there": (
        "goods/fresh.toml",
        'category = "fruit"',
        'category = "fruits"',
        "FRUIT-001 is in fruits, which is no leaf category.",
    ),
    "a product in a category that has others below it": (
        "goods/fresh.toml",
        'category = "fruit"',
        'category = "produce"',
        "FRUIT-001 is in produce, which is no leaf category.",
    ),
    "an absolute word": (
        "goods/fresh.toml",
        "树上挂到霜降才摘",
        "全国第一的苹果",
        "FRUIT-001 says '第一', a banned word.",
    ),
    "a medical claim": (
        "goods/fresh.toml",
        "树上挂到霜降才摘",
        "常吃养胃",
        "FRUIT-001 says '养胃', a banned word.",
    ),
    "a name without its keyword": (
        "goods/fresh.toml",
        'keywords = ["苹果", "红富士", "烟台苹果", "脆甜"]',
        'keywords = ["水果", "礼品"]',
        "FRUIT-001 has none of its keywords in its name.",
    ),
    "a category without a root": (
        "shop.toml",
        'parent = "pantry"',
        'parent = "cellar"',
        "Category grain hangs under cellar, which leads to no root.",
    ),
    "a tree too deep": (
        "shop.toml",
        'key = "vegetable"\nname = "蔬菜菌菇"\nparent = "produce"',
        'key = "vegetable"\nname = "蔬菜菌菇"\nparent = "fruit"',
        "Category vegetable is 4 levels deep; three are allowed.",
    ),
    "a banner to nowhere": (
        "shop.toml",
        'target = { kind = "category", key = "bedding" }',
        'target = { kind = "category", key = "bed" }',
        "今晚睡好一点 on the home page leads to category bed, which does not exist.",
    ),
    "a hot word without goods": (
        "shop.toml",
        'hot_words = ["脐橙"',
        'hot_words = ["榴莲"',
        "The hot word 榴莲 finds no product on sale.",
    ),
    "a coupon of the wrong kind": (
        "shop.toml",
        'kind = "amount"',
        'kind = "percent"',
        "Coupon welcome of kind percent has the wrong amounts for its kind.",
    ),
    "a coupon for no category": (
        "shop.toml",
        'keys = ["produce"]',
        'keys = ["products"]',
        "Coupon produce-80 applies to category products, which does not exist.",
    ),
    "a higher tier that gives less": (
        "shop.toml",
        "reduction_fen = 5000",
        "reduction_fen = 1500",
        "Full reduction shop-wide must give more with each tier.",
    ),
    "tiers that count two things": (
        "shop.toml",
        "{ threshold_fen = 40000,",
        "{ threshold_quantity = 4,",
        "Full reduction shop-wide must count either sums or pieces in all its tiers.",
    ),
    "levels that fall": (
        "shop.toml",
        "growth_threshold = 500",
        "growth_threshold = 5000",
        "The member levels must begin at growth 0 and rise.",
    ),
    "a perk without its coupon": (
        "shop.toml",
        'coupon = "freight", times_a_month = 1',
        'coupon = "postage", times_a_month = 1',
        "Level silver gives the coupon postage, which does not exist.",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_in_a_sentence(name: str, tmp_path: Path) -> None:
    file, right, wrong, sentence = FAULTS[name]
    shutil.copy(DEMO / "shop.toml", tmp_path)
    shutil.copytree(DEMO / "goods", tmp_path / "goods")
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(FaultyShop) as refusal:
        load(tmp_path)
    assert sentence in str(refusal.value).splitlines()


def test_the_files_name_their_money_in_fen() -> None:
    for file in (DEMO / "goods").glob("*.toml"):
        for product in tomllib.loads(file.read_text(encoding="utf-8"))["products"]:
            assert all(type(sku["price_fen"]) is int for sku in product["skus"])
