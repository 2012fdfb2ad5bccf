"""The shapes of fields that several capabilities take in."""

from typing import Annotated

from pydantic import Field

_PATH = r"/[A-Za-z0-9][A-Za-z0-9._/-]*"

Code = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Chosen by the merchant")
]
PictureUrl = Annotated[
    str, Field(max_length=500, pattern=rf"^({_PATH}|https://[A-Za-z0-9.-]+(:[0-9]+)?{_PATH})$")
]
