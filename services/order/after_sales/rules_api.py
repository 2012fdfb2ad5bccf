"""The after-sale rules for operators."""

from dataclasses import asdict

from services.order.after_sales.bodies import AfterSaleRulesPut
from services.order.after_sales.rules import AfterSaleRules, after_sale_rules, change_after_sale_rules
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import AnyOperator, Editor
from shared.http.work import Now, Work

router = service_router("/operator/after-sale-rules", tags=["after-sale"])


class AfterSaleRulesView(View):
    """The rules in force."""

    approve_unshipped_at_once: bool
    default_days: int
    answer_seconds: int
    return_seconds: int
    receive_seconds: int
    rejected_seconds: int
    replacement_seconds: int


@router.get("")
async def get_after_sale_rules(caller: AnyOperator, work: Work) -> AfterSaleRulesView:
    """How long requests wait, and what is granted at once."""
    return AfterSaleRulesView(**asdict(await after_sale_rules(work.connection)))


@router.put("")
async def put_after_sale_rules(
    body: AfterSaleRulesPut, caller: Editor, work: Work, now: Now
) -> AfterSaleRulesView:
    """Have steps taken from now on wait otherwise; earlier ones keep their deadlines."""
    after = AfterSaleRules(**body.model_dump())
    before = await change_after_sale_rules(work.connection, after)
    await work.audit_log.record(
        "after-sale-rules.change", "after-sale-rules", by=caller, at=now, before=before, after=after
    )
    return AfterSaleRulesView(**asdict(after))
