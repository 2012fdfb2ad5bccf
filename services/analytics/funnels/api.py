"""Funnels for operators."""

from datetime import date

from services.analytics.funnels.domain import DEFAULT, WITHOUT_CART, Funnel, compare, drop_off
from services.analytics.funnels.queries import reached
from services.analytics.periods import AskedPeriod
from services.analytics.resources import Own
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import NumbersReader
from shared.http.work import Now

router = service_router("/operator/funnels", tags=["funnels"])


class StepView(View):
    """A step: how many actors reached it, of the step before (``step_rate``) and of all (``total_rate``)."""

    event: str
    title: str
    actors: int
    step_rate: float | None
    total_rate: float | None


class FunnelView(View):
    """A funnel's steps; ``drop_off_event`` names the step that loses most."""

    title: str
    steps: list[StepView]
    drop_off_event: str | None


class PayFunnelView(View):
    """The pay funnel of those who entered in a period. While ``is_immature`` some may yet go on, and rates are null."""

    from_on: date
    to_on: date
    window_hours: float
    is_immature: bool
    funnel: FunnelView
    without_cart: FunnelView


@router.get("/default")
async def default(caller: NumbersReader, resources: Own, period: AskedPeriod, now: Now) -> PayFunnelView:
    """浏览-加购-支付 (AN-20), and 浏览-支付 beside it, for those who buy at once without the cart."""
    is_immature = now < period.end + DEFAULT.window
    return PayFunnelView(
        from_on=period.from_on,
        to_on=period.to_on,
        window_hours=DEFAULT.window.total_seconds() / 3600,
        is_immature=is_immature,
        funnel=_view(DEFAULT, await reached(resources.facts, DEFAULT, period), is_immature=is_immature),
        without_cart=_view(
            WITHOUT_CART, await reached(resources.facts, WITHOUT_CART, period), is_immature=is_immature
        ),
    )


def _view(funnel: Funnel, actors: list[int], *, is_immature: bool) -> FunnelView:
    steps = compare(funnel, actors)
    lost = None if is_immature else drop_off(steps)
    return FunnelView(
        title=funnel.title,
        steps=[
            StepView(
                event=each.step.event,
                title=each.step.title,
                actors=each.actors,
                step_rate=None if is_immature else each.step_rate,
                total_rate=None if is_immature else each.total_rate,
            )
            for each in steps
        ],
        drop_off_event=lost.event if lost else None,
    )
