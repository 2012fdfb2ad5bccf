"""The order rules for operators."""

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from services.order.resources import Own
from services.order.rules.storage import OrderRules, change_order_rules, order_rules
from shared.http.app import service_router
from shared.http.bodies import Body, View
from shared.http.callers import AnyOperator, Editor
from shared.http.work import Now, Work

router = service_router("/operator/order-rules", tags=["order rules"])

HOUR = 3_600
DAY = 24 * HOUR


class OrderRulesPut(Body):
    """The rules to be; both in seconds."""

    pay_timeout_seconds: Annotated[int, Field(ge=5, le=2 * HOUR)]
    auto_receive_seconds: Annotated[int, Field(ge=HOUR, le=60 * DAY)]


class OrderRulesView(View):
    """The rules in force."""

    pay_timeout_seconds: int
    auto_receive_seconds: int


@router.get("")
async def get_order_rules(caller: AnyOperator, work: Work) -> OrderRulesView:
    """How long orders wait."""
    return OrderRulesView(**asdict(await order_rules(work.connection)))


@router.put("")
async def put_order_rules(
    body: OrderRulesPut, caller: Editor, work: Work, resources: Own, now: Now
) -> OrderRulesView:
    """Have orders placed or shipped from now on wait otherwise; earlier ones keep their deadlines."""
    after = OrderRules(**body.model_dump())
    before = await change_order_rules(work.connection, after)
    work.after_commit(resources.order_rules.forget)
    await work.audit_log.record(
        "order-rules.change",
        "order-rules",
        by=caller,
        at=now,
        before=before,
        after=after,
    )
    return OrderRulesView(**asdict(after))
