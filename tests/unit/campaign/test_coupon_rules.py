"""What a coupon and its template may be (MK-01, MK-02), and when a coupon can be used."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.campaign.coupon_templates.domain import (
    Audience,
    CouponKind,
    CouponRule,
    CouponTemplate,
    QuotaBelowIssued,
)
from services.campaign.coupons.claim_coupon import why_not_claimable
from services.campaign.coupons.domain import (
    CODE_LETTERS,
    MOVES,
    Coupon,
    CouponState,
    Step,
    Unclaimable,
    Unusable,
    new_code,
)
from services.campaign.lifecycle import ChangedMeanwhile, IllegalStatus, Status
from services.campaign.scopes import Scope, ScopeKind
from shared.http.problems import Invalid
from shared.ids import new_id

AT = datetime(2026, 3, 8, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = CouponRule(name="减10", kind=CouponKind.AMOUNT, amount_fen=1_000)


def a_template(**values: Any) -> CouponTemplate:
    defaults: dict[str, Any] = {"rule": RULE, "total_quota": 10, "valid_days": 7, "status": Status.RUNNING}
    return CouponTemplate(id=new_id(), **(defaults | values))


def a_coupon(state: CouponState = CouponState.AVAILABLE) -> Coupon:
    return Coupon(new_id(), new_id(), new_id(), state, starts_at=AT, expires_at=AT + DAY)


@pytest.mark.parametrize(
    "terms",
    [
        {"kind": CouponKind.AMOUNT},
        {"kind": CouponKind.AMOUNT, "amount_fen": 1, "discount_bp": 9_000},
        {"kind": CouponKind.AMOUNT, "amount_fen": 1, "cap_fen": 1},
        {"kind": CouponKind.PERCENT},
        {"kind": CouponKind.PERCENT, "discount_bp": 0},
        {"kind": CouponKind.PERCENT, "discount_bp": 9_000, "amount_fen": 1},
        {"kind": CouponKind.FREIGHT, "amount_fen": 1},
        {"kind": CouponKind.FREIGHT, "discount_bp": 9_000},
    ],
    ids=str,
)
def test_a_rule_that_mixes_kinds_is_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        CouponRule(name="券", **terms)


@pytest.mark.parametrize(
    "validity",
    [
        {"valid_days": None},
        {"valid_from_at": AT},
        {"valid_from_at": AT, "valid_until_at": AT + DAY},
        {"valid_days": None, "valid_from_at": AT},
        {"valid_days": None, "valid_from_at": AT, "valid_until_at": AT},
        {"claim_from_at": AT, "claim_until_at": AT},
    ],
    ids=lambda validity: " ".join(validity),
)
def test_a_template_is_valid_in_one_way(validity: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        a_template(**validity)


def test_a_scope_lists_ids_unless_it_covers_everything() -> None:
    for kind, ids in ((ScopeKind.ALL, (new_id(),)), (ScopeKind.PRODUCTS, ()), (ScopeKind.CATEGORIES, ())):
        with pytest.raises(Invalid):
            Scope(kind, ids)


def test_a_change_makes_the_next_version_and_leaves_this_one() -> None:
    template = a_template(issued=3)

    changed = template.changed({"amount_fen": 2_000, "total_quota": 3}, version=1)

    assert (changed.version, changed.rule.amount_fen, changed.total_quota, changed.issued) == (2, 2_000, 3, 3)
    assert (template.version, template.rule.amount_fen, template.total_quota) == (1, 1_000, 10)


def test_a_change_is_refused_when_stale_stopped_or_below_what_is_issued() -> None:
    with pytest.raises(ChangedMeanwhile):
        a_template(version=2).changed({}, version=1)
    with pytest.raises(IllegalStatus):
        a_template(status=Status.STOPPED).changed({}, version=1)
    with pytest.raises(QuotaBelowIssued):
        a_template(issued=3).changed({"total_quota": 2}, version=1)


def test_a_template_runs_once() -> None:
    draft = a_template(status=Status.DRAFT)

    assert draft.started().status is Status.RUNNING
    assert draft.started().stopped().status is Status.STOPPED
    for illegal in (draft.stopped, draft.started().started, draft.started().stopped().started):
        with pytest.raises(IllegalStatus):
            illegal()


@pytest.mark.parametrize(
    ("state", "at", "reason"),
    [
        (CouponState.AVAILABLE, AT - DAY, Unusable.NOT_STARTED),
        (CouponState.AVAILABLE, AT, None),
        (CouponState.AVAILABLE, AT + DAY - timedelta(microseconds=1), None),
        (CouponState.AVAILABLE, AT + DAY, Unusable.EXPIRED),
        (CouponState.EXPIRED, AT + DAY, Unusable.EXPIRED),
        (CouponState.LOCKED, AT, Unusable.LOCKED),
        (CouponState.LOCKED, AT + DAY, Unusable.LOCKED),
        (CouponState.USED, AT + DAY, Unusable.USED),
    ],
)
def test_a_coupon_can_be_used_from_its_start_until_before_its_end(
    state: CouponState, at: datetime, reason: Unusable | None
) -> None:
    assert a_coupon(state).unusable(at) == reason


@pytest.mark.parametrize(
    ("template", "claimed", "has_bought", "reason"),
    [
        (a_template(claim_from_at=AT + DAY), 0, False, Unclaimable.NOT_STARTED),
        (a_template(claim_until_at=AT), 0, False, Unclaimable.ENDED),
        (a_template(status=Status.STOPPED), 0, False, Unclaimable.ENDED),
        (a_template(valid_days=None, valid_from_at=AT - DAY, valid_until_at=AT), 0, False, Unclaimable.ENDED),
        (a_template(audience=Audience.NEW_MEMBERS), 0, True, Unclaimable.NOT_FOR_YOU),
        (a_template(audience=Audience.NEW_MEMBERS), 1, False, Unclaimable.LIMIT_REACHED),
        (a_template(issued=10), 1, False, Unclaimable.LIMIT_REACHED),
        (a_template(issued=10), 0, True, Unclaimable.NONE_LEFT),
    ],
)
def test_a_refused_claim_is_told_why(
    template: CouponTemplate, claimed: int, has_bought: bool, reason: Unclaimable
) -> None:
    assert why_not_claimable(template, claimed=claimed, has_bought=has_bought, at=AT) == reason


def test_back_to_available_leads_only_by_release_or_refund() -> None:
    back = {step for step, (_, to_state) in MOVES.items() if to_state is CouponState.AVAILABLE}

    assert back == {Step.RELEASE, Step.RESTORE}


def test_codes_are_unlike_each_other_and_easy_to_read_out() -> None:
    codes = {new_code() for _ in range(1_000)}

    assert len(codes) == 1_000
    assert {len(code) for code in codes} == {12}
    assert set("".join(codes)) == set(CODE_LETTERS)
    assert set(CODE_LETTERS).isdisjoint("01IO")
