"""The kinds of field that the demo's values are made of."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field

STRICT: Final = ConfigDict(extra="forbid")

PositiveFen = Annotated[int, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]
Tint = Annotated[str, Field(pattern=r"^#[0-9A-F]{6}$")]
