"""What people tell of a parcel that is on its way."""

from typing import Annotated

from pydantic import Field

from shared.http.bodies import Body


class WaybillBody(Body):
    """Who carries a parcel, by the code WeChat knows it by (SF, ZTO, …), and under which number."""

    carrier: Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,64}$")]
    tracking_number: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
