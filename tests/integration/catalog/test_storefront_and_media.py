"""The home page, and the pictures on it (LG-06, PD-03)."""

from typing import Any

import pytest

from shared.ids import new_id
from tests.integration.catalog.goods import Catalog

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def a_layout(category_ids: list[str], **more: Any) -> dict[str, Any]:
    return {
        "banners": [
            {"image_url": "/media/b.webp", "alt": "春茶", "target": {"kind": "search", "value": "春茶"}},
        ],
        "entries": [
            {"name": "预约", "icon_url": "/media/e.svg", "target": {"kind": "page", "value": "/booking"}}
        ],
        "featured_category_ids": category_ids,
        "hot_words": ["明前龙井"],
    } | more


async def test_the_home_page_is_one_answer_in_as_many_statements_whatever_it_shows(catalog: Catalog) -> None:
    root = await catalog.category(icon_url="/media/c.svg")
    leaf = await catalog.category(parent_id=root)
    empty = await catalog.category()
    products = [(await catalog.product(category_id=leaf))["product_id"] for _ in range(9)]
    await catalog.operate("PUT", "/operator/storefront", a_layout([]))
    await catalog.get("/storefront")  # the hot words are counted once a minute
    with catalog.statements() as few:
        await catalog.get("/storefront")
    await catalog.operate("PUT", "/operator/storefront", a_layout([root, empty, str(new_id())]))
    with catalog.statements() as many:
        page = (await catalog.get("/storefront")).json()
    assert len(few) == len(many) == 2
    assert page["banners"][0]["target"] == {"kind": "search", "value": "春茶"}
    assert page["entries"][0]["name"] == "预约"
    assert page["hot_words"][0] == "明前龙井"
    first, second = page["featured_categories"]
    assert (first["category_id"], first["icon_url"]) == (root, "/media/c.svg")
    assert [product["product_id"] for product in first["products"]] == list(reversed(products))[:8]
    assert (second["category_id"], second["products"]) == (empty, [])


async def test_a_home_page_that_did_not_change_is_not_sent_again(catalog: Catalog) -> None:
    etag = (await catalog.get("/storefront")).headers["etag"]
    assert (await catalog.get("/storefront", headers={"if-none-match": etag})).status_code == 304


@pytest.mark.parametrize(
    "target",
    [
        {"kind": "url", "value": "https://elsewhere.example"},
        {"kind": "page", "value": "https://elsewhere.example"},
        {"kind": "product", "value": "no-id"},
    ],
)
async def test_a_tap_leads_only_into_the_shop(catalog: Catalog, target: dict[str, str]) -> None:
    layout = a_layout([], banners=[{"image_url": "/media/b.webp", "alt": "x", "target": target}])
    status, _ = await catalog.refused("PUT", "/operator/storefront", layout)
    assert status == 422


async def put(catalog: Catalog, path: str, content: bytes, content_type: str) -> Any:
    return await catalog.shop.as_operator("operations").request(
        "catalog", "PUT", f"/operator/media/{path}", content=content, headers={"content-type": content_type}
    )


async def test_a_picture_is_served_as_it_was_kept_and_not_sent_twice(catalog: Catalog) -> None:
    path = f"goods/{new_id()}.png"
    kept = (await put(catalog, path, PNG, "image/png")).json()
    assert (kept["url"], kept["size_bytes"]) == (f"/media/{path}", len(PNG))
    answer = await catalog.get(f"/media/{path}")
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    again = await catalog.get(f"/media/{path}", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await put(catalog, path, PNG + b"x", "image/png")
    changed = await catalog.get(f"/media/{path}", headers={"if-none-match": answer.headers["etag"]})
    assert changed.content == PNG + b"x"


async def test_an_svg_may_be_shown_and_run_nothing(catalog: Catalog) -> None:
    path = f"{new_id()}.svg"
    await put(catalog, path, SVG, "image/svg+xml")
    headers = (await catalog.get(f"/media/{path}")).headers
    assert headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_what_is_no_picture_too_large_or_at_no_proper_path_is_refused(catalog: Catalog) -> None:
    assert (await put(catalog, "a.html", b"<html>", "text/html")).status_code == 415
    assert (await put(catalog, "a.png", b"<html>", "image/png")).status_code == 415
    large = PNG + b"\x00" * (5 * 1024 * 1024)
    assert (await put(catalog, "a.png", large, "image/png")).status_code == 413
    for path in (".hidden/a.png", "a//b.png", "a%2F..%2Fb.png", "%00.png", "a/b/c/d/e/f/g.png", "空.png"):
        assert (await put(catalog, path, PNG, "image/png")).status_code == 422
    assert (await catalog.get("/media/no/such.png")).status_code == 404
