"""Payments as operators see them; reading changes nothing and shows nothing personal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.payment.ledger.balances import balances
from services.payment.payments import queries
from services.payment.payments.domain import PaymentStatus, Surplus
from services.payment.refunds.domain import RefundStatus
from services.payment.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import BooksReader
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.problems import NotFound

router = service_router("/operator", tags=["operator"])


class PaymentSummary(View):
    """A payment in a list."""

    payment_id: UUID
    order_id: UUID
    order_number: str | None
    member_id: UUID | None
    status: str
    method: str | None
    transaction_id: str | None
    amount_fen: int
    paid_fen: int
    refunded_fen: int
    opened_at: datetime
    expires_at: datetime
    disputed_at: datetime | None
    paid_at: datetime | None
    closed_at: datetime | None


class AttemptView(View):
    """One try at the provider; ``surplus_reason`` when it was paid and nobody wanted the money."""

    out_trade_no: str
    number: int
    status: str
    transaction_id: str | None
    paid_fen: int | None
    surplus_reason: Surplus | None
    initiated_at: datetime
    prepaid_at: datetime | None
    queried_at: datetime | None
    paid_at: datetime | None
    closed_at: datetime | None
    last_error: str | None


class NoticeView(View):
    """A notice that was taken."""

    kind: str
    notice_id: str
    event_type: str
    out_trade_no: str
    received_at: datetime


class RefundView(View):
    """Money given back, or to be given back."""

    refund_id: UUID
    refund_number: str
    kind: str
    out_trade_no: str
    refund_fen: int
    reason: str
    status: str
    failure: str | None
    requested_at: datetime
    refunded_at: datetime | None
    settled_outside: str | None


class DisputeDecisionView(View):
    """How a dispute ended, and why."""

    decision: str
    reason: str
    disputed_at: datetime
    decided_by: UUID
    decided_at: datetime


class SurplusPaymentView(View):
    """Money that no order wanted: ``late`` for a closed one, ``duplicate``, or ``disputed``; and its way back."""

    out_trade_no: str
    transaction_id: str
    reason: Surplus
    paid_fen: int
    paid_at: datetime
    order_id: UUID
    order_number: str | None
    member_id: UUID | None
    refund_id: UUID
    refund_number: str
    refund_status: RefundStatus
    failure: str | None
    requested_at: datetime
    refunded_at: datetime | None
    settled_outside: str | None


class LedgerEntryView(View):
    """One entry of the cash books; debits are positive."""

    journal_id: UUID
    source_type: str
    source_id: str
    kind: str
    posted_at: datetime
    account: str
    amount_fen: int


class PaymentDetail(PaymentSummary):
    """A payment with everything that happened to it."""

    attempts: list[AttemptView]
    notices: list[NoticeView]
    refunds: list[RefundView]
    dispute_decisions: list[DisputeDecisionView]
    ledger: list[LedgerEntryView]


class CashAccountView(View):
    """An account of the cash books and what it holds."""

    account: str
    balance_fen: int


class CashAccountsView(View):
    """All accounts; their balances sum to zero (P10)."""

    items: list[CashAccountView]


@router.get("/payments")
async def list_payments(
    caller: BooksReader,
    resources: Own,
    status: PaymentStatus | None = None,
    is_disputed: Annotated[bool, Query()] = False,
    after: After = None,
    limit: Limit = 20,
) -> Page[PaymentSummary]:
    """Payments, newest first; ``is_disputed`` shows only those that need a person's attention."""
    async with reading(resources.engine) as connection:
        rows = await queries.list_payments(
            connection, status=status, is_disputed=is_disputed, before=before_id(after), limit=limit + 1
        )
    items = [PaymentSummary(**row) for row in rows]
    return page_of(items, limit, place=lambda each: each.payment_id)


@router.get("/payments/{order_id}")
async def show_payment(order_id: UUID, caller: BooksReader, resources: Own) -> PaymentDetail:
    """An order's payment with its attempts, notices, refunds, decided disputes and journal entries."""
    async with reading(resources.engine) as connection:
        found = await queries.payment_of(connection, order_id)
    if found is None:
        raise NotFound()
    return PaymentDetail.model_validate(found)


@router.get("/surplus-payments")
async def list_surplus_payments(
    caller: BooksReader,
    resources: Own,
    reason: Surplus | None = None,
    refund_status: RefundStatus | None = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[SurplusPaymentView]:
    """Money that came for closed orders, twice, or not as ordered, newest first; ``failed`` ones wait for a decision."""
    async with reading(resources.engine) as connection:
        rows = await queries.list_surplus_payments(
            connection,
            reason=reason,
            refund_status=refund_status,
            before=before_id(after),
            limit=limit + 1,
        )
    items = [SurplusPaymentView(**row) for row in rows]
    return page_of(items, limit, place=lambda each: each.refund_id)


@router.get("/cash-accounts")
async def show_cash_accounts(caller: BooksReader, resources: Own) -> CashAccountsView:
    """What each account of the cash books holds."""
    async with reading(resources.engine) as connection:
        rows = await balances(connection)
    return CashAccountsView(items=[CashAccountView(**row) for row in rows])
