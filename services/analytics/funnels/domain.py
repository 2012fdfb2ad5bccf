"""What a funnel is, and how its steps compare (analytics.md 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Step:
    """An event that takes an actor one step on."""

    event: str
    title: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps in their order, all within ``window`` of a chain's first event (exactly at its end is inside)."""

    title: str
    steps: tuple[Step, ...]
    window: timedelta


@dataclass(frozen=True, slots=True)
class Reached:
    """How many actors got to a step; rates are null over nobody."""

    step: Step
    actors: int
    step_rate: float | None
    total_rate: float | None


VIEW = Step("product_view", "浏览")
CART = Step("add_to_cart", "加购")
PAY = Step("order_paid", "支付")
WINDOW = timedelta(hours=24)

DEFAULT = Funnel("浏览-加购-支付", (VIEW, CART, PAY), WINDOW)
"""The pay funnel (AN-20)."""

WITHOUT_CART = Funnel("浏览-支付", (VIEW, PAY), WINDOW)
"""The same with the cart left out: whoever buys at once never adds to the cart, and the default shows a false drop."""


def compare(funnel: Funnel, actors: Sequence[int]) -> list[Reached]:
    """The steps with their rates, from the number of actors that reached each."""
    reached = []
    before = actors[0]
    for step, count in zip(funnel.steps, actors, strict=True):
        reached.append(
            Reached(step, count, count / before if before else None, count / actors[0] if actors[0] else None)
        )
        before = count
    return reached


def drop_off(reached: Sequence[Reached]) -> Step | None:
    """The step before which most are lost (the first of equals); none when nobody entered."""
    rated = [each for each in reached[1:] if each.step_rate is not None]
    return min(rated, key=lambda each: each.step_rate or 0.0).step if rated else None
