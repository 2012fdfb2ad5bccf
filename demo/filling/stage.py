"""Who takes part in the demo's weeks, and what they have to do with one another."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from demo.client import Client
from demo.filling.agenda import Agenda
from demo.filling.goods import Goods
from demo.filling.time import Time
from demo.filling.wechat import WeChat
from demo.shoppers import Shopper
from demo.visits import Paid
from shared.http.services import LocalExchange


@dataclass(frozen=True, slots=True)
class Visitor:
    """A shopper in front of the shop, with WeChat's name for them and their client's."""

    shopper: Shopper
    client: Client
    openid: str
    anon_id: UUID


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was placed, the ``number``-th from 1, and by whom."""

    visitor: Visitor
    number: int
    order_id: str
    order_number: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A paid order on the packing table; it can leave from ``ready_at`` on."""

    placed: Placed
    paid: Paid
    ready_at: datetime


@dataclass
class Stage:
    """Everybody, and what is still to come; the shop is behind ``exchange``."""

    exchange: LocalExchange
    owner: Client
    carrier: Client
    wechat: WeChat
    time: Time
    agenda: Agenda
    goods: Goods
    agreement_version: str
    visitors: dict[str, Visitor] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    packing_table: list[Parcel] = field(default_factory=list)
