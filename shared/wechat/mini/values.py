"""What the mini-program API takes and gives, as values; field names are the platform's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from shared.wechat.mini.errors import WeChatBusy
from shared.wechat.mini.wording import ITEM_DESC_LIMIT, cut, masked


@dataclass(frozen=True, slots=True)
class WeChatLogin:
    """Who logged in (wechat.md 1.1); the session key never leaves the server."""

    openid: str
    session_key: str = field(repr=False)
    unionid: str | None


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A telephone number the person agreed to give (wechat.md 1.7)."""

    phone_number: str
    pure_phone_number: str
    country_code: str


class LogisticsType(IntEnum):
    """How the goods travel (wechat.md 4.3)."""

    EXPRESS = 1
    SAME_CITY = 2
    VIRTUAL = 3
    SELF_PICKUP = 4


class DeliveryMode(IntEnum):
    """All in one parcel, or in up to 15 parcels over time (express only) (wechat.md 4.3)."""

    UNIFIED = 1
    SPLIT = 2


class OrderState(IntEnum):
    """Where the platform sees a payment's delivery (wechat.md 4.4)."""

    TO_SHIP = 1
    SHIPPED = 2
    RECEIVED = 3
    DONE = 4
    REFUNDED = 5
    AWAITING_SETTLEMENT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One entry of a shipping report (wechat.md 4.3).

    Express needs `tracking_no` and `express_company` (SF also the receiver's telephone, which is sent
    masked); the other ways of travelling need neither.
    """

    item_desc: str
    tracking_no: str | None = None
    express_company: str | None = None
    receiver_phone: str | None = None

    def as_entry(self) -> dict[str, Any]:
        """The entry of `shipping_list`, its description cut to what is allowed."""
        entry: dict[str, Any] = {"item_desc": cut(self.item_desc, ITEM_DESC_LIMIT)}
        if self.tracking_no is not None and self.express_company is not None:
            entry |= {"tracking_no": self.tracking_no, "express_company": self.express_company}
        if self.receiver_phone is not None:
            entry["contact"] = {"receiver_contact": masked(self.receiver_phone)}
        return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipping:
    """What the platform knows of a payment's delivery (wechat.md 4.4).

    `finish_shipping_count`: 0 not shipped, 1 shipped, 2 reported once more.
    """

    transaction_id: str
    out_trade_no: str
    openid: str
    order_state: OrderState
    in_complaint: bool
    finish_shipping: bool
    finish_shipping_count: int

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "OrderShipping":
        """Read the `order` of get_order; raises `WeChatBusy` when it cannot be understood."""
        try:
            shipping = said.get("shipping") or {}
            return cls(
                transaction_id=said["transaction_id"],
                out_trade_no=said["merchant_trade_no"],
                openid=said["openid"],
                order_state=OrderState(said["order_state"]),
                in_complaint=bool(said.get("in_complaint")),
                finish_shipping=bool(shipping.get("finish_shipping")),
                finish_shipping_count=int(shipping.get("finish_shipping_count", 0)),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeChatBusy(f"an order that is not understood: {error!r}") from error
