"""The shapes of fields that several capabilities take in."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

When = Annotated[
    AwareDatetime,
    Field(strict=False, ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
]
"""An instant that the shop may live to see."""

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""What a change is based on."""
