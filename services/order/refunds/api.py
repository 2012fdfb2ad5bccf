"""Refunds over HTTP: operators give, members look (PY-08)."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import Response
from pydantic import Field, model_validator

from services.order.orders.storage import Orders
from services.order.refunds.domain import RefundStatus, RefundWish
from services.order.refunds.request_refund import request_refund, retry_refund
from services.order.refunds.storage import Refunds
from services.order.refunds.views import OperatorRefundView, RefundView, operator_refunds, refunds_of
from services.order.resources import Own
from shared.database import UnitOfWork
from shared.http.app import service_router
from shared.http.bodies import Body, Id, Quantity, Text
from shared.http.callers import AnyOperator, Member, Refunder
from shared.http.idempotency import Idempotent, once
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.work import Now, Work

router = service_router(tags=["refunds"])


class UnitsToRefund(Body):
    """So many units of an order line; their money follows from the agreed price.

    All of them go back on the shelf unless `restock_quantity` says how many.
    """

    order_line_id: Id
    quantity: Quantity
    restock_quantity: Annotated[int, Field(ge=0, le=9_999)] | None = None

    @model_validator(mode="after")
    def _no_more_than_come_back(self) -> Self:
        if self.off_shelf_quantity < 0:
            raise ValueError("restock_quantity may be at most quantity")
        return self

    @property
    def off_shelf_quantity(self) -> int:
        """How many units stay off the shelf."""
        return 0 if self.restock_quantity is None else self.quantity - self.restock_quantity


class RefundCreate(Body):
    """What goes back, and why; `include_freight` unless left out: only while nothing was shipped."""

    lines: Annotated[list[UnitsToRefund], Field(min_length=1, max_length=100)]
    reason: Text
    include_freight: bool | None = None

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        if len({line.order_line_id for line in self.lines}) != len(self.lines):
            raise ValueError("each line may be listed once")
        return self


@router.get("/orders/{order_id}/refunds")
async def get_refunds(order_id: UUID, caller: Member, work: Work) -> list[RefundView]:
    """What of the caller's order went back, or is about to."""
    await Orders(work.connection).find_own(order_id, member_id=caller.member_id)
    return await refunds_of(work.connection, order_id)


@router.post("/operator/orders/{order_id}/refunds", status_code=201, response_model=OperatorRefundView)
async def refund(
    order_id: UUID, body: RefundCreate, caller: Refunder, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Give units of a paid order back."""
    wish = RefundWish(
        units={line.order_line_id: line.quantity for line in body.lines},
        reason=body.reason,
        include_freight=body.include_freight,
        off_shelf={line.order_line_id: line.off_shelf_quantity for line in body.lines},
    )

    async def do(work: UnitOfWork) -> OperatorRefundView:
        requested, back = await request_refund(work, order_id, wish, by=caller, at=now)
        return OperatorRefundView.of(requested, back)

    return await once(resources.engine, key, do)


@router.get("/operator/refunds")
async def list_refunds(
    caller: AnyOperator,
    work: Work,
    status: RefundStatus | None = None,
    limit: Limit = 20,
    after: After = None,
) -> Page[OperatorRefundView]:
    """Refunds of all orders, latest first."""
    refunds = await Refunds(work.connection).page(status=status, before=before_id(after), limit=limit + 1)
    items = await operator_refunds(work.connection, refunds)
    return page_of(items, limit, place=lambda each: each.refund_id)


@router.post("/operator/refunds/{refund_id}/retry")
async def retry(refund_id: UUID, caller: Refunder, work: Work, now: Now) -> OperatorRefundView:
    """Have a refund that needs attention paid out after all."""
    retried = await retry_refund(work, refund_id, by=caller, at=now)
    return (await operator_refunds(work.connection, [retried]))[0]
