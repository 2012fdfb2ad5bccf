"""What operators send about products."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.catalog.fields import Code, PictureUrl
from shared.http.bodies import Body, Fen, Id, LongText, Text, Version

Pixels = Annotated[int, Field(ge=1, le=20_000)]


class Option(Body):
    """A choice a shopper makes, such as 颜色, and its values in order."""

    name: Text
    values: Annotated[list[Text], Field(min_length=1, max_length=50)]


class Medium(Body):
    """A picture, video or model of a product; their order is the order of display (PD-03)."""

    kind: Literal["image", "video", "model_3d", "ar_model"]
    url: PictureUrl
    alt: Text | None = None
    width: Pixels | None = None
    height: Pixels | None = None


class Attribute(Body):
    """A fact about a product, such as 材质 = 纯棉."""

    name: Text
    value: Text


class SkuSave(Body):
    """A SKU as it is to be; an inactive one is no longer shown or sold."""

    options: Annotated[dict[Text, Text], Field(max_length=5, default_factory=dict)]
    price_fen: Fen
    market_price_fen: Fen | None = None
    weight_grams: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    image_url: PictureUrl | None = None
    is_active: bool = True


class SkuCreate(SkuSave):
    """A SKU of a new product; ``stock`` is what is there to begin with."""

    sku_code: Code
    stock: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class ProductDetails(Body):
    """What a product may have besides its name and its category."""

    subtitle: Text | None = None
    brand: Text | None = None
    description: LongText | None = None
    options: Annotated[list[Option], Field(max_length=5, default_factory=list)]
    media: Annotated[list[Medium], Field(max_length=30, default_factory=list)]
    attributes: Annotated[list[Attribute], Field(max_length=50, default_factory=list)]
    keywords: Annotated[list[Text], Field(max_length=30, default_factory=list)]
    after_sale_policy_key: Code | None = None


class ProductCreate(ProductDetails):
    """A new product, as a draft."""

    product_code: Code
    name: Text
    category_id: Id
    skus: Annotated[list[SkuCreate], Field(max_length=200, default_factory=list)]


class ProductChange(ProductDetails):
    """The fields to change, and the version they were read at: a change based on an old reading is refused."""

    version: Version
    name: Text = ""
    category_id: Id = UUID(int=0)
