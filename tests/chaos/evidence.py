"""The evidence of a small run by hand: seven orders of one shopper, everything in order."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AT = "2026-11-22T04:00:00+00:00"
DAY = "2026-11-22"
MEMBER = "m1"
SHOPPER = "shopper-1"

Row = dict[str, Any]


def number(order_id: str) -> str:
    """The order number of order o1, o2 …"""
    return f"2611221200000000000{order_id[1:]}"


@dataclass
class Evidence:
    """A run's folder before it is written."""

    journal: list[Row]
    opening: Row
    observed: Row
    books: Row

    def write(self, folder: Path) -> Path:
        """The four files."""
        lines = "".join(json.dumps(entry) + "\n" for entry in self.journal)
        (folder / "journal.jsonl").write_text(lines)
        for name in ("opening", "observed", "books"):
            (folder / f"{name}.json").write_text(json.dumps(getattr(self, name)))
        return folder

    def of(self, part: str, key: str, value: str) -> Row:
        """The observed row of a list with this value."""
        return next(row for row in self.observed[part] if row[key] == value)

    def order(self, order_id: str) -> Row:
        """An observed order."""
        return self.of("orders", "order_id", order_id)

    def call(self, name: str, request: Row, *answers: tuple[int, Any] | None, key: str | None = None) -> None:
        """One more call: asked once for each answer; None is no answer."""
        seq = len(self.journal) + 1
        for answer in answers:
            self._entry(seq, name, "asked", key, request=request)
            if answer is None:
                self._entry(seq, name, "unknown", key)
            else:
                self._entry(seq, name, "answered", key, status=answer[0], body=answer[1])

    def call_at_once(self, name: str, request: Row, *answers: tuple[int, Any], key: str) -> None:
        """A call sent several times at the same moment: all are asked before the first is answered."""
        first = len(self.journal) + 1
        for seq, _ in enumerate(answers, first):
            self._entry(seq, name, "asked", key, request=request)
        for seq, (status, body) in enumerate(answers, first):
            self._entry(seq, name, "answered", key, status=status, body=body)

    def place(self, order_id: str, *, key: str | None = None, answers: int = 1) -> None:
        """The order was asked for and acknowledged, so many times under one key."""
        order = self.order(order_id)
        said = {name: order[name] for name in ("order_id", "order_number", "payable_fen")}
        self.call("place-order", wish(order), *[(201, said)] * answers, key=key or f"key-{order_id}")

    def _entry(self, seq: int, name: str, phase: str, key: str | None, **more: Any) -> None:
        at = f"2026-11-22T03:00:00.{len(self.journal):06d}+00:00"
        entry = {"at": at, "shopper": SHOPPER, "seq": seq, "call": name, "phase": phase, "key": key}
        self.journal.append({**entry, "request": {}, "status": None, "body": None, **more})


def wish(order: Row) -> Row:
    """What was asked for to get such an order."""
    lines = [{"sku_id": line["sku_id"], "quantity": line["quantity"]} for line in order["lines"]]
    return {"lines": lines, "coupon_id": order["coupon_id"]}


def clean() -> Evidence:
    """A run without fault.

    o1 paid with coupon and points, shipped, received; o2 paid, one of three units refunded; o3 cancelled, paid late, given
    back; o4 unpaid; o5 wholly refunded by an after-sale; o6 refused for want of stock; o7 never acknowledged, and closed.
    Of o1 one unit was exchanged (s1), of o2 a request was withdrawn (s3).
    """
    evidence = Evidence([], _opening(), _observed(), _books())
    evidence.call("login", {"openid": "w1"}, None, (200, {"member_id": MEMBER}))
    grant = {"member_id": MEMBER, "points": 500, "reason": "grant 1"}
    evidence.call("adjust-points", grant, (201, {}), key="key-grant")
    evidence.call(
        "adjust-stock", {"sku_id": "a", "change": 2, "reason": "found 2"}, (201, {}), key="key-stock"
    )
    for coupon_id in ("c1", "c2", "c3"):
        told = {"coupon_id": coupon_id, "template_id": "t1"}
        evidence.call("claim-coupon", {"template_id": "t1"}, None, (201, told), key=f"key-{coupon_id}")
    for order_id in ("o1", "o2", "o3", "o4", "o5"):
        evidence.place(order_id)
        evidence.call("pay", {"order_id": order_id}, (200, {"order_id": order_id, "status": "paying"}))
    evidence.call("place-order", wish(evidence.order("o6")), (409, {"type": "/problems/x"}), key="key-o6")
    evidence.call("place-order", wish(evidence.order("o7")), None, key="key-o7")
    for status in ("pending_pay", "paid"):
        evidence.call("see-order", {"order_id": "o1"}, (200, {"order_id": "o1", "status": status}))
    evidence.call("cancel-order", {"order_id": "o3"}, None, (200, {"order_id": "o3", "status": "closed"}))
    evidence.call(
        "ship-order", {"order_id": "o1", "tracking_number": "Z1"}, (201, {"shipment_id": "p1"}), key="key-p1"
    )
    evidence.call("confirm-receipt", {"order_id": "o1"}, (200, {"order_id": "o1", "status": "completed"}))
    refund = evidence.observed["refunds"][0]
    told = {name: refund[name] for name in ("refund_id", "refund_number", "order_id", "refund_fen")}
    evidence.call("request-refund", {"order_id": "o2"}, (201, told), key="key-r-o2")
    _ask_after_sales(evidence)
    return evidence


def _ask_after_sales(evidence: Evidence) -> None:
    for request in evidence.observed["after_sales"]:
        lines = [{name: line[name] for name in ("order_line_id", "quantity")} for line in request["lines"]]
        wish = {"order_id": request["order_id"], "kind": request["kind"], "lines": lines}
        about = {"after_sale_id": request["after_sale_id"]}
        evidence.call("request-after-sale", wish, (201, about), key=f"key-{about['after_sale_id']}")
    s1, s2, s3 = ({"after_sale_id": after_sale_id} for after_sale_id in ("s1", "s2", "s3"))
    inspected = [{"order_line_id": "o1-a", "restockable_quantity": 1, "damaged_quantity": 0}]
    evidence.call("approve-after-sale", s1, (200, {}), key="key-approve-s1")
    evidence.call("send-back", {**s1, "tracking_number": "B1"}, (200, {}))
    evidence.call("receive-return", {**s1, "lines": inspected}, (200, {}), key="key-receive-s1")
    evidence.call("ship-replacement", {**s1, "tracking_number": "N1"}, (200, {}), key="key-ship-s1")
    evidence.call("confirm-replacement", s1, (200, {}))
    evidence.call("approve-after-sale", s2, (200, {}), key="key-approve-s2")
    evidence.call("withdraw-after-sale", s3, (200, {}))


def _line(order_id: str, sku_id: str, price_fen: int, quantity: int, payable_fen: int, **more: int) -> Row:
    values = {"points_used": 0, "shipped_quantity": 0, "refunded_quantity": 0, "refunded_fen": 0}
    return {
        "order_line_id": f"{order_id}-{sku_id}",
        "sku_id": sku_id,
        "unit_price_fen": price_fen,
        "quantity": quantity,
        "payable_fen": payable_fen,
        **values,
        **more,
    }


def _order(order_id: str, status: str, line: Row, *, freight_fen: int, **more: Any) -> Row:
    goods_fen = line["unit_price_fen"] * line["quantity"]
    is_paid = status in ("paid", "completed")
    return {
        "order_id": order_id,
        "order_number": number(order_id),
        "member_id": MEMBER,
        "status": status,
        "refund_summary": "none",
        "lines": [line],
        "goods_fen": goods_fen,
        "discount_fen": goods_fen - line["payable_fen"],
        "points_used": line["points_used"],
        "freight_fen": freight_fen,
        "freight_discount_fen": 0,
        "payable_fen": line["payable_fen"] + freight_fen,
        "refunded_fen": 0,
        "coupon_id": None,
        "close_reason": None,
        "placed_at": AT,
        "paid_at": AT if is_paid else None,
        **more,
    }


def _refund(order_id: str, sku_id: str, amount_fen: int, freight_fen: int) -> Row:
    line = {"order_line_id": f"{order_id}-{sku_id}", "quantity": 1, "amount_fen": amount_fen}
    return {
        "refund_id": f"r-{order_id}",
        "refund_number": f"{number(order_id)}R01",
        "order_id": order_id,
        "status": "succeeded",
        "lines": [line | {"points_returned": 0}],
        "freight_fen": freight_fen,
        "refund_fen": amount_fen + freight_fen,
        "points_returned": 0,
        "refunded_at": AT,
    }


def _after_sale(after_sale_id: str, order_id: str, kind: str, status: str, sku_id: str, **more: Any) -> Row:
    line = {"order_line_id": f"{order_id}-{sku_id}", "sku_id": sku_id, "quantity": 1}
    restockable_quantity = 1 if kind == "exchange" else None
    return {
        "after_sale_id": after_sale_id,
        "order_id": order_id,
        "kind": kind,
        "status": status,
        "lines": [line | {"restockable_quantity": restockable_quantity}],
        "refund": None,
        "return_waybill": None,
        "replacement_waybill": None,
        **more,
    }


def _attempt(order_id: str, out_refund_no: str, kind: str, refund_fen: int) -> Row:
    return {
        "out_refund_no": out_refund_no,
        "refund_id": f"r-{order_id}",
        "kind": kind,
        "order_id": order_id,
        "out_trade_no": number(order_id),
        "refund_fen": refund_fen,
        "refund_status": "succeeded",
    }


def _stock(sku_id: str, on_hand: int, *, reserved: int = 0, sold: int = 0, adjusted: int = 0) -> Row:
    adjustments = [{"reason": f"found {adjusted}", "on_hand": adjusted}] if adjusted else []
    return {
        "sku_id": sku_id,
        "on_hand": on_hand,
        "reserved": reserved,
        "available": on_hand - reserved,
        "sold": sold,
        "adjustments": adjustments,
    }


def _entry(entry_id: str, kind: str, points: int, reason: str | None = None) -> Row:
    return {
        "entry_id": entry_id,
        "kind": kind,
        "points": points,
        "order_id": None,
        "reason": reason,
        "at": AT,
    }


def _coupon(coupon_id: str, state: str, order_id: str | None = None) -> Row:
    return {
        "coupon_id": coupon_id,
        "template_id": "t1",
        "state": state,
        "order_id": order_id,
        "expires_at": "2026-12-01T00:00:00+00:00",
    }


def _payment(order_id: str, status: str, paid_fen: int = 0, refunded_fen: int = 0) -> Row:
    return {"order_id": order_id, "status": status, "paid_fen": paid_fen, "refunded_fen": refunded_fen}


def _opening() -> Row:
    empty = ("orders", "refunds", "shipments", "after_sales", "members", "payments", "refund_attempts")
    return {name: [] for name in empty} | {
        "taken_at": AT,
        "point_rules": {"earn_points_per_yuan": 1, "growth_per_yuan": 1, "login_points": 1},
        "stock": [_stock("a", 100), _stock("b", 5)],
        "coupon_templates": [_template(issued=0)],
        "cash_accounts": [],
        "days": [],
        "parked": [],
    }


def _template(*, issued: int) -> Row:
    return {"template_id": "t1", "total_quota": 10, "per_member_limit": 9, "issued": issued}


def _observed() -> Row:
    return _opening() | {
        "orders": [
            _order(
                "o1",
                "completed",
                _line("o1", "a", 1_999, 2, 3_398, points_used=100, shipped_quantity=2),
                freight_fen=800,
                coupon_id="c1",
            ),
            _order(
                "o2",
                "paid",
                _line("o2", "a", 1_999, 3, 5_997, refunded_quantity=1, refunded_fen=1_999),
                freight_fen=0,
                refund_summary="partial",
                refunded_fen=1_999,
            ),
            _order(
                "o3",
                "closed",
                _line("o3", "b", 1_000, 1, 500),
                freight_fen=800,
                coupon_id="c2",
                close_reason="cancelled",
            ),
            _order(
                "o4",
                "pending_pay",
                _line("o4", "b", 1_000, 1, 450, points_used=50),
                freight_fen=800,
                coupon_id="c2",
            ),
            _order(
                "o5",
                "paid",
                _line("o5", "b", 1_000, 1, 500, refunded_quantity=1, refunded_fen=500),
                freight_fen=800,
                coupon_id="c3",
                refund_summary="full",
                refunded_fen=1_300,
            ),
            _order("o6", "closed", _line("o6", "b", 1_000, 9, 9_000), freight_fen=0, close_reason="refused"),
            _order("o7", "closed", _line("o7", "a", 1_999, 1, 1_999), freight_fen=800, close_reason="unpaid"),
        ],
        "refunds": [_refund("o2", "a", 1_999, 0), _refund("o5", "b", 500, 800)],
        "shipments": [{"shipment_id": "p1", "order_id": "o1", "tracking_number": "Z1"}],
        "after_sales": [
            _after_sale(
                *("s1", "o1", "exchange", "completed", "a"),
                return_waybill={"tracking_number": "B1"},
                replacement_waybill={"tracking_number": "N1"},
            ),
            _after_sale("s2", "o5", "refund_only", "completed", "b", refund={"refund_id": "r-o5"}),
            _after_sale("s3", "o2", "return_and_refund", "cancelled", "a"),
        ],
        "stock": [_stock("a", 98, sold=4, adjusted=2), _stock("b", 5, reserved=1)],
        "members": [
            {
                "member_id": MEMBER,
                "growth": 72,
                "spendable_points": 423,
                "held_points": 50,
                "owed_points": 0,
                "entries": [
                    _entry("e1", "earn", 1, "login"),
                    _entry("e2", "grant", 500, "grant 1"),
                    _entry("e3", "hold", -100),
                    _entry("e4", "earn", 33, "order"),
                    _entry("e5", "earn", 59, "order"),
                    _entry("e6", "take_back", -20),
                    _entry("e7", "hold", -50),
                    _entry("e8", "earn", 5, "order"),
                    _entry("e9", "take_back", -5),
                ],
                "coupons": [
                    _coupon("c1", "used", "o1"),
                    _coupon("c2", "locked", "o4"),
                    _coupon("c3", "available"),
                ],
            }
        ],
        "coupon_templates": [_template(issued=3)],
        "payments": [
            _payment("o1", "succeeded", 4_198),
            _payment("o2", "succeeded", 5_997, 1_999),
            _payment("o3", "closed"),
            _payment("o4", "paying"),
            _payment("o5", "succeeded", 1_300, 1_300),
        ],
        "refund_attempts": [
            _attempt("o2", f"{number('o2')}R01", "order", 1_999),
            _attempt("o3", f"SURPLUS-{number('o3')}", "surplus", 1_300),
            _attempt("o5", f"{number('o5')}R01", "order", 1_300),
        ],
        "cash_accounts": [
            {"account": "provider_receivable", "balance_fen": 8_196},
            {"account": "order_receipts", "balance_fen": -8_196},
        ],
        "days": [
            {
                "day_on": DAY,
                "values": {
                    "orders_created": 6,
                    "orders_paid": 3,
                    "gmv_fen": 11_495,
                    "refunds": 2,
                    "refund_fen": 3_299,
                },
            }
        ],
    }


def _books() -> Row:
    def transaction(order_id: str, total_fen: int, paid_at: str | None = AT) -> Row:
        shown = {"out_trade_no": number(order_id), "total_fen": total_fen}
        return shown | {"paid_at": paid_at, "closed_at": None}

    def refund(out_refund_no: str, order_id: str, refund_fen: int) -> Row:
        shown = {"out_refund_no": out_refund_no, "out_trade_no": number(order_id)}
        return shown | {"refund_fen": refund_fen, "status": "SUCCESS"}

    return {
        "payments": [
            transaction("o1", 4_198),
            transaction("o2", 5_997),
            transaction("o3", 1_300),
            transaction("o4", 1_250, None),
            transaction("o5", 1_300),
        ],
        "refunds": [
            refund(f"{number('o2')}R01", "o2", 1_999),
            refund(f"SURPLUS-{number('o3')}", "o3", 1_300),
            refund(f"{number('o5')}R01", "o5", 1_300),
        ],
    }
