"""The rules that a shipping report must keep before anything is looked up (wechat.md 4.3)."""

import re
from dataclasses import dataclass
from typing import Any

from simulator.clock import instant
from simulator.mini.companies import COMPANIES
from simulator.mini.errors import MiniError

EXPRESS, UNIFIED, SPLIT = 1, 1, 2
UPLOAD_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)")
MOST_PARCELS = 15


@dataclass(frozen=True, slots=True)
class Report:
    """One upload: its parcels, and whether they are the last."""

    logistics_type: int
    delivery_mode: int
    finished: bool
    parcels: list[dict[str, Any]]
    uploaded_at: float
    openid: str


def order_key(content: dict[str, Any], mchid: str) -> tuple[str | None, str | None]:
    """The transaction id or the merchant's number that a report is about; raises 268485194 to …197."""
    key = content.get("order_key")
    key = key if isinstance(key, dict) else {}
    match key.get("order_number_type"):
        case 1:
            if key.get("mchid") != mchid:
                raise MiniError(268485196, "invalid mchid")
            if not isinstance(key.get("out_trade_no"), str):
                raise MiniError(268485197, "invalid out_trade_no")
            return None, key["out_trade_no"]
        case 2:
            if not isinstance(key.get("transaction_id"), str):
                raise MiniError(268485195, "invalid transaction_id")
            return key["transaction_id"], None
        case _:
            raise MiniError(268485194, "invalid order_number_type")


def read(content: dict[str, Any]) -> Report:
    """The report in a body; raises the errcode of the first broken rule."""
    logistics_type, delivery_mode = content.get("logistics_type"), content.get("delivery_mode")
    if logistics_type not in (1, 2, 3, 4):
        raise MiniError(10060005, "invalid logistics_type")
    if delivery_mode not in (UNIFIED, SPLIT):
        raise MiniError(268485224, "invalid delivery_mode")
    if delivery_mode == SPLIT and logistics_type != EXPRESS:
        raise MiniError(10060006, "split mode is for express only")
    finished = content.get("is_all_delivered")
    if delivery_mode == SPLIT and not isinstance(finished, bool):
        raise MiniError(10060007, "is_all_delivered missing")
    parcels = content.get("shipping_list")
    if not isinstance(parcels, list) or not all(isinstance(parcel, dict) for parcel in parcels):
        raise MiniError(10060014, "param error: shipping_list")
    if delivery_mode == UNIFIED and len(parcels) != 1:
        raise MiniError(268485228, "unified mode needs exactly one entry")
    if not parcels:
        raise MiniError(10060014, "param error: shipping_list")
    if len(parcels) > MOST_PARCELS:
        raise MiniError(10060024, "too many parcels")
    for parcel in parcels:
        _check_parcel(parcel, logistics_type)
    payer = content.get("payer")
    openid = payer.get("openid") if isinstance(payer, dict) else None
    if not isinstance(openid, str) or not openid:
        raise MiniError(10060014, "param error: payer")
    return Report(
        logistics_type=logistics_type,
        delivery_mode=delivery_mode,
        finished=delivery_mode == UNIFIED or finished is True,
        parcels=parcels,
        uploaded_at=_upload_time(content.get("upload_time")),
        openid=openid,
    )


def _check_parcel(parcel: dict[str, Any], logistics_type: int) -> None:
    item, number, company = (parcel.get(name) for name in ("item_desc", "tracking_no", "express_company"))
    if not isinstance(item, str) or not item:
        raise MiniError(10060008, "item_desc empty")
    if len(item) > 120:
        raise MiniError(10060009, "item_desc too long")
    if logistics_type != EXPRESS:
        return
    if not isinstance(number, str) or not number:
        raise MiniError(268485226, "tracking_no empty")
    if not isinstance(company, str) or not company:
        raise MiniError(268485227, "express_company empty")
    if len(company) > 128:
        raise MiniError(10060025, "express_company too long")
    if len(number) > 128:
        raise MiniError(10060026, "tracking_no too long")
    if company not in COMPANIES:
        raise MiniError(10060014, "param error: express_company")
    contact = parcel.get("contact")
    named = isinstance(contact, dict) and (
        contact.get("consignor_contact") or contact.get("receiver_contact")
    )
    if company == "SF" and not named:
        raise MiniError(10060014, "param error: contact")


def _upload_time(text: object) -> float:
    if not isinstance(text, str) or not UPLOAD_TIME.fullmatch(text):
        raise MiniError(268485216, "invalid upload_time")
    try:
        return instant(text)
    except ValueError:
        raise MiniError(268485216, "invalid upload_time") from None
