"""The demo's pictures are drawn from the shop alone."""

from xml.etree import ElementTree

import pytest

from demo.catalogue import load
from demo.pictures import gallery, picture
from demo.shop import Shop

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load()


def test_every_path_that_the_shop_refers_to_is_drawn_once(shop: Shop) -> None:
    paths = [path for path, _ in gallery(shop)]
    wanted = (
        {image.path for product in shop.products for image in product.images}
        | {banner.image for banner in shop.home.banners}
        | {category.icon for category in shop.categories}
        | {entry.icon for entry in shop.home.entries}
    )
    assert len(paths) == len(wanted)
    assert set(paths) == wanted


def test_every_picture_is_an_svg_that_fetches_nothing_and_leaves_no_colour_open(shop: Shop) -> None:
    for path, svg in gallery(shop):
        root = ElementTree.fromstring(svg)
        assert root.tag == f"{SVG}svg", path
        assert not [e for e in root.iter() if e.tag in (f"{SVG}script", f"{SVG}image", f"{SVG}a")], path
        assert "{" not in svg, path


def test_no_two_covers_are_the_same(shop: Shop) -> None:
    covers = [picture(product) for product in shop.products]
    assert len(set(covers)) == len(covers)


def test_the_same_product_gives_the_same_picture(shop: Shop) -> None:
    again = load()
    assert [picture(product) for product in shop.products] == [picture(product) for product in again.products]


def test_a_cover_names_the_product_and_the_cards_list_its_facts_and_choices(shop: Shop) -> None:
    coat = next(product for product in shop.products if product.code == "WOMEN-005")
    assert _words(picture(coat)) == ["慢裁", "双面羊毛大衣", "长过膝"]
    assert _words(picture(coat, view="facts"))[:2] == ["双面羊毛大衣", "材质　羊毛90%、羊绒10%"]
    assert _words(picture(coat, view="choices")) == [
        "双面羊毛大衣",
        "深驼 · S",
        "深驼 · M",
        "燕麦 · M",
        "燕麦 · L",
    ]


def _words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]
