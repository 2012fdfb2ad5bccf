"""The freight rule for operators."""

from dataclasses import asdict

from services.order.freight.storage import freight_rule, set_freight_rule
from services.order.pricing import FreightRule
from services.order.resources import Own
from shared.http.app import service_router
from shared.http.bodies import Body, Fen, View
from shared.http.callers import AnyOperator, Editor
from shared.http.work import Now, Work

router = service_router("/operator/freight-rule", tags=["freight"])


class FreightRulePut(Body):
    """`fee_fen` an order, nothing once the discounted goods reach `free_from_fen` (null: never free)."""

    fee_fen: Fen
    free_from_fen: Fen | None


class FreightRuleView(View):
    """What freight costs."""

    fee_fen: int
    free_from_fen: int | None


@router.get("")
async def get_freight_rule(caller: AnyOperator, work: Work) -> FreightRuleView:
    """What freight costs now."""
    return FreightRuleView(**asdict(await freight_rule(work.connection)))


@router.put("")
async def put_freight_rule(
    body: FreightRulePut, caller: Editor, work: Work, resources: Own, now: Now
) -> FreightRuleView:
    """Have freight cost something else from now on; orders keep the rule they were priced by."""
    before = await freight_rule(work.connection)
    after = FreightRule(fee_fen=body.fee_fen, free_from_fen=body.free_from_fen)
    await set_freight_rule(work.connection, after)
    work.after_commit(resources.freight_rule.forget)
    await work.audit_log.record(
        "freight-rule.change",
        "freight-rule",
        by=caller,
        at=now,
        before=before,
        after=after,
    )
    return FreightRuleView(**asdict(after))
