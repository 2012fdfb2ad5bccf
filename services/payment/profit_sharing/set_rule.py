"""Deciding who gets how much of the orders to come; a version is never changed, the newest is in force."""

from collections.abc import Sequence
from datetime import datetime

from services.payment.profit_sharing.domain import MOST_RECEIVERS, RulePart, ShareRule, SharingLimits
from services.payment.profit_sharing.receivers import Receivers, Rules
from shared.database import UnitOfWork
from shared.http.problems import Invalid, Problem


class RuleChanged(Problem):
    """The rule is another one than this change was based on."""

    slug, title, status = "payment/share-rule-changed", "The rule was changed meanwhile", 409


class SharesTooMuch(Problem):
    """The receivers' parts exceed what WeChat Pay lets the shop share."""

    slug, title, status = "payment/shares-too-much", "So much may not be shared", 409


async def set_rule(
    work: UnitOfWork,
    parts: Sequence[RulePart],
    *,
    share_after_seconds: int,
    based_on: int,
    limits: SharingLimits,
    at: datetime,
) -> ShareRule:
    """Put a rule in force for orders that are prepaid from now on; without receivers nothing is shared.

    Raises Invalid for receivers that are not registered, SharesTooMuch, and RuleChanged when ``based_on`` (0: none) is
    not the version in force.
    """
    if len(parts) > MOST_RECEIVERS or len({part.receiver_id for part in parts}) != len(parts):
        raise Invalid(f"A rule names each receiver once, and at most {MOST_RECEIVERS}.")
    if sum(part.share_bp for part in parts) > limits.max_bp:
        raise SharesTooMuch(f"At most {limits.max_bp} basis points.", max_bp=limits.max_bp)
    wanted = {part.receiver_id for part in parts}
    if unknown := wanted - await Receivers(work.connection).active(list(wanted)):
        raise Invalid("A receiver is not registered.", receiver_ids=sorted(map(str, unknown)))
    rules = Rules(work.connection)
    before = await rules.in_force()
    rule = ShareRule(
        version=based_on + 1,
        max_bp=limits.max_bp,
        fee_bp=limits.fee_bp,
        share_after_seconds=share_after_seconds,
        unfreeze_after_seconds=limits.unfreeze_after_seconds,
        parts=tuple(sorted(parts, key=lambda part: part.receiver_id)),
    )
    if (before.version if before else 0) != based_on or not await rules.add(rule, at=at):
        raise RuleChanged()
    return rule
