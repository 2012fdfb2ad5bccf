"""A way out for a refund that could not be paid to where the money came from (wechat.md 5.10)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from simulator.pay import refunds
from simulator.pay.door import Body, Call, read, unsealed
from simulator.pay.errors import PayError, invalid, wrong_field

MERCHANT_ACCOUNT = "商户结算银行账户"


class AbnormalRefund(Body):
    """`POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund`; account and name are sealed."""

    out_refund_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}$")]
    type: Literal["USER_BANK_CARD", "MERCHANT_BANK_CARD"]
    bank_type: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    bank_account: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    real_name: Annotated[str, Field(min_length=1, max_length=1024)] | None = None


def apply(call: Call) -> dict[str, Any]:
    """Pay an ABNORMAL refund out elsewhere, as it settles from now on; asking again while it is paid is fine."""
    asked = read(call, AbnormalRefund)
    platform, books = call.platform, call.platform.books
    row = books.row("SELECT * FROM refunds WHERE refund_id = ?", call.path["refund_id"])
    if row is None or row["out_refund_no"] != asked.out_refund_no:
        raise PayError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
    account = _account(call, asked)
    before = books.row("SELECT * FROM redirections WHERE out_refund_no = ?", asked.out_refund_no)
    if row["status"] == "PROCESSING" and before is not None and before["type"] == asked.type:
        return refunds.shown(platform, row)
    if row["status"] != "ABNORMAL":
        raise invalid("退款单状态不是退款异常，不能发起异常退款")
    after = platform.rules.refund_settles_after_seconds
    with books.entry():
        books.write(
            "INSERT OR REPLACE INTO redirections VALUES (?, ?, ?, ?)",
            asked.out_refund_no,
            asked.type,
            account,
            call.now,
        )
        books.write(
            "UPDATE refunds SET status = 'PROCESSING', settles_at = ?, settled_at = NULL WHERE out_refund_no = ?",
            None if after is None else call.now + after,
            asked.out_refund_no,
        )
    platform.clock.wake()
    return refunds.shown(platform, {**row, "status": "PROCESSING"})


def _account(call: Call, asked: AbnormalRefund) -> str:
    """Where the money goes, as people may read it."""
    if asked.type == "MERCHANT_BANK_CARD":
        return MERCHANT_ACCOUNT
    for name in ("bank_type", "bank_account", "real_name"):
        if getattr(asked, name) is None:
            raise wrong_field(f"/{name}", None, "退款至用户银行卡时必填")
    number = unsealed(call, "/bank_account", asked.bank_account or "")
    name = unsealed(call, "/real_name", asked.real_name or "")
    if not number.isdigit() or not 8 <= len(number) <= 32 or not name:
        raise wrong_field("/bank_account", None, "银行卡号格式错误")
    return f"{asked.bank_type}{number[-4:]}"
