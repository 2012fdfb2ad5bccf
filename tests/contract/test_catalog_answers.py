"""The catalog's hot reads skip their models: what they answer must fit them all the same."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter

from services.catalog.categories.views import CategoryTree
from services.catalog.products.views import FoundSkus, ProductCard, ProductDetail
from services.catalog.search.api import SearchPage, SuggestionList
from services.catalog.storefront.api import Storefront
from shared.http.paging import Page
from shared.ids import new_id
from tests.support.shop import Shop


def unexpected(model: Any, document: Any, path: str = "") -> list[str]:
    """The fields of a document that its model does not have, at any depth."""
    validated = TypeAdapter(model).validate_python(document)
    return _beyond(validated, document, path)


def _beyond(validated: Any, document: Any, path: str) -> list[str]:
    if isinstance(validated, BaseModel):
        fields = type(validated).model_fields
        extra = [f"{path}/{name}" for name in document if name not in fields]
        return extra + [
            found
            for name in fields
            if name in document
            for found in _beyond(getattr(validated, name), document[name], f"{path}/{name}")
        ]
    if isinstance(validated, list):
        return [
            found
            for at, each in enumerate(validated)
            for found in _beyond(each, document[at], f"{path}/{at}")
        ]
    return []


async def test_hot_answers_are_what_their_models_promise(shop: Shop) -> None:
    operator, visitor = shop.as_operator("operations"), shop.as_anonymous()

    async def made(method: str, path: str, body: Any) -> dict[str, Any]:
        answer = await operator.request("catalog", method, path, json=body)
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    key, code = f"policy-{new_id().hex[-8:]}", f"P{new_id().hex[-12:]}"
    await made(
        "POST", "/operator/after-sale-policies", {"key": key, "title": "七天", "text": "可退。", "days": 7}
    )
    category = await made(
        "POST",
        "/operator/categories",
        {"name": code, "icon_url": "/media/c.svg", "after_sale_policy_key": key},
    )
    product = await made(
        "POST",
        "/operator/products",
        {
            "product_code": code,
            "name": "柴烧面碗",
            "category_id": category["category_id"],
            "options": [{"name": "釉色", "values": ["灰"]}],
            "media": [{"kind": "image", "url": "/media/a.webp", "alt": "碗", "width": 8, "height": 8}],
            "attributes": [{"name": "材质", "value": "陶"}],
            "keywords": ["面碗"],
            "skus": [
                {"sku_code": code, "options": {"釉色": "灰"}, "price_fen": 5800, "market_price_fen": 6800}
            ],
        },
    )
    await made("POST", f"/operator/products/{product['product_id']}/publish", None)
    target = {"kind": "category", "value": category["category_id"]}
    await made(
        "PUT",
        "/operator/storefront",
        {
            "banners": [{"image_url": "/media/b.webp", "alt": "春", "target": target}],
            "entries": [{"name": "碗", "icon_url": "/media/e.svg", "target": target}],
            "featured_category_ids": [category["category_id"]],
            "hot_words": ["面碗"],
        },
    )
    order = shop.as_service("order")
    sku_ids = {"sku_ids": [product["skus"][0]["sku_id"]]}
    answers: list[tuple[Any, Any]] = [
        (Page[ProductCard], await visitor.get("catalog", "/products")),
        (ProductDetail, await visitor.get("catalog", f"/products/{product['product_id']}")),
        (CategoryTree, await visitor.get("catalog", "/categories")),
        (SearchPage, await visitor.get("catalog", "/search", params={"q": "面碗"})),
        (SuggestionList, await visitor.get("catalog", "/search/suggestions", params={"q": "面"})),
        (Storefront, await visitor.get("catalog", "/storefront")),
        (FoundSkus, await order.post("catalog", "/internal/skus/lookup", sku_ids)),
    ]
    for model, answer in answers:
        assert answer.status_code == 200
        assert unexpected(model, answer.json()) == []
        assert len(answer.content) > 100 or model is SuggestionList


async def test_the_openapi_document_describes_every_hot_answer(shop: Shop) -> None:
    app = shop.platform.apps["catalog"]
    assert isinstance(app, FastAPI)
    paths = app.openapi()["paths"]
    for path in (
        "/products",
        "/products/{product_id}",
        "/categories",
        "/search",
        "/search/suggestions",
        "/storefront",
    ):
        content = paths[path]["get"]["responses"]["200"]["content"]
        assert "$ref" in content["application/json"]["schema"]
