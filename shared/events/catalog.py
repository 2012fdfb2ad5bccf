"""What the catalog announces."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.events.base import Event


class ProductChanged(Event):
    """A product was created, edited, put on sale or taken off."""

    type: ClassVar[str] = "product.changed.v1"
    subject: ClassVar[str] = "product_id"
    announced_by: ClassVar[str] = "catalog"

    product_id: UUID
    product_code: str
    name: str
    category_id: UUID
    status: str
    version: int
    changed_at: datetime
