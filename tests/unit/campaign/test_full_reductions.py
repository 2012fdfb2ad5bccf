"""What a full reduction may be (MK-03), and how carts lie in scopes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.campaign.lifecycle import ChangedMeanwhile, IllegalStatus, Status
from services.campaign.offers.domain import Line, list_price_fen
from services.campaign.promotions.domain import FullReduction, Tier
from services.campaign.scopes import EVERYTHING, Scope, ScopeKind
from shared.http.problems import Invalid
from shared.ids import new_id

AT = datetime(2026, 3, 8, tzinfo=UTC)
TIER = Tier(reduction_fen=2_000, threshold_fen=20_000)


def a_full_reduction(**values: Any) -> FullReduction:
    defaults: dict[str, Any] = {"name": "满减", "scope": EVERYTHING, "tiers": (TIER,)}
    return FullReduction(id=new_id(), **(defaults | values))


def test_a_tier_needs_a_threshold_and_takes_no_more_than_it() -> None:
    assert Tier(reduction_fen=100, threshold_fen=100).reduction_fen == 100
    assert Tier(reduction_fen=100, threshold_quantity=1).threshold_fen == 0
    for bad in ({"reduction_fen": 100}, {"reduction_fen": 101, "threshold_fen": 100}):
        with pytest.raises(Invalid):
            Tier(**bad)


def test_tiers_begin_at_different_thresholds_and_windows_go_forward() -> None:
    with pytest.raises(Invalid):
        a_full_reduction(tiers=(TIER, Tier(reduction_fen=1, threshold_fen=20_000)))
    with pytest.raises(Invalid):
        a_full_reduction(starts_at=AT, ends_at=AT)


def test_a_full_reduction_changes_by_version_and_runs_once() -> None:
    draft = a_full_reduction()

    assert (draft.changed({"name": "新"}, version=1).name, draft.version) == ("新", 1)
    assert draft.started().changed({}, version=1).version == 2
    with pytest.raises(ChangedMeanwhile):
        draft.changed({}, version=2)
    stopped = draft.started().stopped()
    assert stopped.status is Status.STOPPED
    with pytest.raises(IllegalStatus):
        stopped.changed({}, version=1)
    with pytest.raises(IllegalStatus):
        stopped.started()


def test_a_scope_counts_its_lines_at_list_price() -> None:
    leaf, root, product_id = new_id(), new_id(), new_id()
    lines = [
        Line(product_id, (leaf, root), 1_000, 3),
        Line(new_id(), (root,), 500, 2),
        Line(new_id(), (), 7, 1),
    ]

    assert list_price_fen(lines, EVERYTHING) == 4_007
    assert list_price_fen(lines, Scope(ScopeKind.CATEGORIES, (root,))) == 4_000
    assert list_price_fen(lines, Scope(ScopeKind.CATEGORIES, (leaf,))) == 3_000
    assert list_price_fen(lines, Scope(ScopeKind.PRODUCTS, (product_id,))) == 3_000
    assert list_price_fen(lines, Scope(ScopeKind.PRODUCTS, (root,))) == 0
