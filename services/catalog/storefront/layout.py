"""The layout of the home page, as operators arrange it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from services.catalog.fields import PictureUrl
from shared.http.bodies import Body, Id, Text


class Target(Body):
    """Where a tap leads: a category or product by id, a search by its words, a page of the client by its path."""

    kind: Literal["category", "product", "search", "page"]
    value: Text

    @model_validator(mode="after")
    def _is_possible(self) -> "Target":
        if self.kind in ("category", "product"):
            UUID(self.value)
        if self.kind == "page" and not self.value.startswith("/"):
            raise ValueError("a page is named by its path, which begins with /")
        return self


class Banner(Body):
    """A wide picture at the top."""

    image_url: PictureUrl
    alt: Text
    target: Target


class Entry(Body):
    """A shortcut with an icon."""

    name: Text
    icon_url: PictureUrl
    target: Target


class Layout(Body):
    """The home page; everything stands in the order given."""

    banners: Annotated[list[Banner], Field(max_length=10, default_factory=list)]
    entries: Annotated[list[Entry], Field(max_length=20, default_factory=list)]
    featured_category_ids: Annotated[list[Id], Field(max_length=10, default_factory=list)]
    hot_words: Annotated[list[Text], Field(max_length=20, default_factory=list)]
