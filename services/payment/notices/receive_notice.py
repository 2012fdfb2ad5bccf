"""Believing a notice: verify, decrypt, compare, record once and take it, in this order (wechat.md 5.9, SEC8)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from services.payment.notices.storage import NoticeKind, NoticeRow, Notices
from services.payment.payments.refusals import Disputed, UnknownNumber
from services.payment.payments.report_dispute import report_dispute
from services.payment.payments.take_payment import take_payment
from services.payment.refunds.take_refund import take_refund
from services.payment.resources import PaymentResources
from services.payment.security.storage import SecurityEvents
from shared.database import UnitOfWork, begin
from shared.wechat.pay import MalformedAnswer, Notice, NoticeRefused, Refund, Transaction

SEAL = (
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-serial",
    "wechatpay-signature",
    "wechatpay-signature-type",
    "request-id",
)


class NotTaken(Exception):
    """A notice that moved nothing; ``status`` is what to answer, so that the platform tells it again or we alarm."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def receive_notice(
    resources: PaymentResources, kind: NoticeKind, headers: Mapping[str, str], body: bytes, *, at: datetime
) -> None:
    """Take what was posted to a notify URL; it is durable when this returns. Raises NotTaken, with a security event.

    Nothing unsigned is believed, a repeat has no effect, and what differs from our books is DISPUTED (P3, P4).
    """
    seal = {name: headers[name] for name in SEAL if name in headers}
    try:
        notice = await resources.wechat_pay.open_notice(seal, body)
        async with begin(resources.engine) as work:
            await _TAKE[kind](resources, work, notice, seal, body, at=at)
    except NoticeRefused as refused:
        await _report(resources, "notice-refused", kind, seal, body, reason=refused.reason, at=at)
        raise NotTaken(refused.status, refused.reason) from refused
    except MalformedAnswer as malformed:
        await _report(resources, "notice-malformed", kind, seal, body, reason="malformed", at=at)
        raise NotTaken(500, "malformed") from malformed
    except UnknownNumber as unknown:
        await _report(resources, "notice-unknown-number", kind, seal, body, reason=unknown.number, at=at)
        raise NotTaken(404, "unknown number") from unknown
    except Disputed as disputed:
        await report_dispute(resources.engine, disputed, source=f"{kind}-notice", at=at)
        raise NotTaken(409, "disputed") from disputed


async def _take_payment(
    resources: PaymentResources,
    work: UnitOfWork,
    notice: Notice,
    seal: Mapping[str, str],
    body: bytes,
    *,
    at: datetime,
) -> None:
    said = Transaction.of(notice.resource)
    if notice.event_type != "TRANSACTION.SUCCESS":
        raise Disputed(said.out_trade_no, {"event_type": notice.event_type})
    row = NoticeRow(
        kind=NoticeKind.PAYMENT,
        notice_id=notice.id,
        business_key=f"{said.out_trade_no}:{said.transaction_id}",
        event_type=notice.event_type,
        out_trade_no=said.out_trade_no,
        headers=seal,
        body=body,
    )
    await Notices(work.connection).record(row, at=at)
    await take_payment(work, said, account=resources.account, at=at)


async def _take_refund(
    resources: PaymentResources,
    work: UnitOfWork,
    notice: Notice,
    seal: Mapping[str, str],
    body: bytes,
    *,
    at: datetime,
) -> None:
    said = Refund.of(notice.resource)
    wanted = {"mchid": resources.account.mchid, "event_type": f"REFUND.{said.status}"}
    found = {"mchid": notice.resource.get("mchid"), "event_type": notice.event_type}
    if found != wanted:
        raise Disputed(
            said.out_trade_no, {name: found[name] for name in wanted if found[name] != wanted[name]}
        )
    row = NoticeRow(
        kind=NoticeKind.REFUND,
        notice_id=notice.id,
        business_key=f"{said.out_refund_no}:{said.refund_id}:{said.status}",
        event_type=notice.event_type,
        out_trade_no=said.out_trade_no,
        headers=seal,
        body=body,
    )
    await Notices(work.connection).record(row, at=at)
    await take_refund(work, said, at=at)


_TAKE = {NoticeKind.PAYMENT: _take_payment, NoticeKind.REFUND: _take_refund}


async def _report(
    resources: PaymentResources,
    event: str,
    kind: NoticeKind,
    seal: Mapping[str, str],
    body: bytes,
    *,
    reason: str,
    at: datetime,
) -> None:
    detail = {
        "reason": reason,
        "serial": seal.get("wechatpay-serial", "")[:64],
        "timestamp": seal.get("wechatpay-timestamp", "")[:20],
        "request_id": seal.get("request-id", "")[:100],
        "body_bytes": len(body),
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    async with begin(resources.engine) as work:
        await SecurityEvents(work.connection).record(event, kind, detail=detail, at=at)
