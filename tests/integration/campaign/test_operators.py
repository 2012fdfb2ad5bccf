"""Operators draft, change, start and stop templates and full reductions; every change is in the audit log (SEC14)."""

from typing import Any

import pytest

from shared.ids import new_id
from tests.integration.campaign.giveaways import AT, DAY, TEN_OFF, Campaign

TIERS = [{"threshold_fen": 20_000, "reduction_fen": 2_000}, {"threshold_quantity": 3, "reduction_fen": 900}]


async def test_a_template_is_drafted_started_and_stopped(campaign: Campaign) -> None:
    drafted = await campaign.operate("POST", "/coupon-templates", TEN_OFF)
    path = f"/coupon-templates/{drafted['template_id']}"
    started = await campaign.operate("POST", f"{path}/start")
    again = await campaign.try_to("POST", f"{path}/start")
    stopped = await campaign.operate("POST", f"{path}/stop")
    back = await campaign.try_to("POST", f"{path}/start")

    assert drafted == TEN_OFF | {
        "template_id": drafted["template_id"],
        "version": 1,
        "status": "draft",
        "audience": "everybody",
        "issued": 0,
        "scope": {"kind": "all", "ids": []},
        "stackable_with_full_reduction": True,
        "discount_bp": 10_000,
        "cap_fen": None,
        "claim_from_at": None,
        "claim_until_at": None,
        "valid_from_at": None,
        "valid_until_at": None,
    }
    assert (started, stopped) == (drafted | {"status": "running"}, drafted | {"status": "stopped"})
    for refused, status in ((again, "running"), (back, "stopped")):
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/campaign/illegal-status")
        assert refused.json()["campaign_status"] == status
    assert await _audited(campaign, f"coupon-template/{drafted['template_id']}") == [
        ("coupon-template.create", None, drafted),
        ("coupon-template.start", drafted, started),
        ("coupon-template.stop", started, stopped),
    ]


async def test_an_edit_is_for_coupons_claimed_from_now_on(campaign: Campaign) -> None:
    before, after = new_id(), new_id()
    template_id = await campaign.template()
    await campaign.claim(template_id, before)

    change = {"version": 1, "name": "满50打9折", "kind": "percent", "amount_fen": 0, "discount_bp": 9_000}
    changed = await campaign.operate("PATCH", f"/coupon-templates/{template_id}", change | {"cap_fen": 3_000})
    await campaign.claim(template_id, after)

    assert (changed["version"], changed["issued"], changed["status"]) == (2, 1, "running")
    assert changed["threshold_fen"] == 10_000
    [old], [new] = await campaign.coupons(before), await campaign.coupons(after)
    fields = ("name", "kind", "amount_fen", "discount_bp", "cap_fen")
    assert [old[field] for field in fields] == ["满100减10", "amount", 1_000, 10_000, None]
    assert [new[field] for field in fields] == ["满50打9折", "percent", 0, 9_000, 3_000]
    audited = await _audited(campaign, f"coupon-template/{template_id}")
    assert audited[-1][0] == "coupon-template.change"
    assert (audited[-1][1]["version"], audited[-1][2]) == (1, changed)


async def test_an_edit_of_an_old_reading_or_of_a_stopped_template_is_refused(campaign: Campaign) -> None:
    template_id = await campaign.template()
    path = f"/coupon-templates/{template_id}"
    await campaign.operate("PATCH", path, {"version": 1, "name": "新名"})

    stale = await campaign.try_to("PATCH", path, {"version": 1, "name": "旧名"})
    await campaign.operate("POST", f"{path}/stop")
    stopped = await campaign.try_to("PATCH", path, {"version": 2, "name": "旧名"})

    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/campaign/changed-meanwhile")
    assert (stopped.status_code, stopped.json()["type"]) == (409, "/problems/campaign/illegal-status")
    rows = await campaign.rows(
        "SELECT version, name FROM coupon_rules WHERE CAST(template_id AS text) = :id ORDER BY version",
        id=template_id,
    )
    assert [tuple(row.values()) for row in rows] == [(1, "满100减10"), (2, "新名")]


async def test_a_quota_cannot_fall_below_what_is_claimed(campaign: Campaign) -> None:
    template_id = await campaign.template()
    for _ in range(3):
        await campaign.claim(template_id, new_id())

    path = f"/coupon-templates/{template_id}"
    refused = await campaign.try_to("PATCH", path, {"version": 1, "total_quota": 2})
    changed = await campaign.operate("PATCH", path, {"version": 1, "total_quota": 3})

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/campaign/quota-below-issued")
    assert refused.json()["issued"] == 3
    assert (changed["total_quota"], changed["issued"]) == (3, 3)
    assert (await campaign.claim(template_id, new_id())).json()["reason"] == "none_left"


@pytest.mark.parametrize(
    "bad",
    [
        {"amount_fen": 0},
        {"amount_fen": -1},
        {"amount_fen": 1.5},
        {"amount_fen": 1e2},
        {"amount_fen": "1"},
        {"amount_fen": "１"},
        {"amount_fen": True},
        {"amount_fen": None},
        {"amount_fen": 2**63},
        {"amount_fen": 10**10 + 1},
        {"discount_bp": 9_000},
        {"cap_fen": 500},
        {"cap_fen": 0},
        {"kind": "percent", "amount_fen": 0},
        {"kind": "percent", "amount_fen": 0, "discount_bp": 0},
        {"kind": "percent", "amount_fen": 0, "discount_bp": 10_001},
        {"kind": "percent", "discount_bp": 9_000},
        {"kind": "freight"},
        {"kind": "gift"},
        {"threshold_fen": -1},
        {"total_quota": 0},
        {"total_quota": 2**63},
        {"per_member_limit": 0},
        {"valid_days": 0},
        {"valid_days": None},
        {"valid_from_at": AT.isoformat(), "valid_until_at": (AT + DAY).isoformat()},
        {"valid_days": None, "valid_from_at": AT.isoformat()},
        {"valid_days": None, "valid_from_at": AT.isoformat(), "valid_until_at": AT.isoformat()},
        {"claim_from_at": (AT + DAY).isoformat(), "claim_until_at": AT.isoformat()},
        {"claim_from_at": "0001-01-01T00:00:00+14:00"},
        {"claim_from_at": "2026-03-08T00:00:00"},
        {"scope": {"kind": "products", "ids": []}},
        {"scope": {"kind": "all", "ids": [str(new_id())]}},
        {"scope": {"kind": "products", "ids": [str(new_id()) for _ in range(501)]}},
        {"name": ""},
        {"name": "\x00"},
        {"name": "券" * 51},
        {"audience": "friends"},
        {"status": "running"},
        {"issued": 5},
    ],
)
async def test_nonsense_terms_make_no_template(campaign: Campaign, bad: dict[str, Any]) -> None:
    before = await campaign.rows("SELECT count(*) FROM coupon_templates")

    answer = await campaign.try_to("POST", "/coupon-templates", TEN_OFF | bad)

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await campaign.rows("SELECT count(*) FROM coupon_templates") == before


@pytest.mark.parametrize(
    "bad",
    [
        {"tiers": []},
        {"tiers": [{"reduction_fen": 100}]},
        {"tiers": [{"threshold_fen": 100, "reduction_fen": 101}]},
        {"tiers": [{"threshold_fen": 100, "reduction_fen": 0}]},
        {"tiers": [{"threshold_fen": 100, "reduction_fen": True}]},
        {"tiers": [{"threshold_quantity": 2.0, "reduction_fen": 100}]},
        {"tiers": [{"threshold_fen": 10**10 + 1, "reduction_fen": 1}]},
        {"tiers": [{"threshold_fen": 100, "reduction_fen": 10}, {"threshold_fen": 100, "reduction_fen": 20}]},
        {"tiers": [{"threshold_fen": 100 + n, "reduction_fen": 10} for n in range(11)]},
        {"starts_at": AT.isoformat(), "ends_at": AT.isoformat()},
        {"scope": {"kind": "categories"}},
        {"name": " "},
        {"version": 1},
    ],
)
async def test_nonsense_terms_make_no_full_reduction(campaign: Campaign, bad: dict[str, Any]) -> None:
    before = await campaign.rows("SELECT count(*) FROM full_reductions")

    answer = await campaign.try_to("POST", "/full-reductions", {"name": "满减", "tiers": TIERS} | bad)

    assert answer.status_code == 422, answer.text
    assert await campaign.rows("SELECT count(*) FROM full_reductions") == before


async def test_a_full_reduction_is_drafted_changed_started_and_stopped(campaign: Campaign) -> None:
    drafted = await campaign.operate("POST", "/full-reductions", {"name": "满减", "tiers": TIERS})
    path = f"/full-reductions/{drafted['full_reduction_id']}"
    change = {"version": 1, "tiers": TIERS[:1], "ends_at": (AT + DAY).isoformat()}
    changed = await campaign.operate("PATCH", path, change)
    stale = await campaign.try_to("PATCH", path, change)
    started = await campaign.operate("POST", f"{path}/start")
    stopped = await campaign.operate("POST", f"{path}/stop")
    back = await campaign.try_to("POST", f"{path}/start")

    tiers = [
        {"reduction_fen": 2_000, "threshold_fen": 20_000, "threshold_quantity": 0},
        {"reduction_fen": 900, "threshold_fen": 0, "threshold_quantity": 3},
    ]
    assert drafted == {
        "full_reduction_id": drafted["full_reduction_id"],
        "version": 1,
        "status": "draft",
        "name": "满减",
        "scope": {"kind": "all", "ids": []},
        "tiers": tiers,
        "starts_at": None,
        "ends_at": None,
    }
    assert changed == drafted | {"version": 2, "tiers": tiers[:1], "ends_at": "2026-03-09T02:30:00Z"}
    assert (started, stopped) == (changed | {"status": "running"}, changed | {"status": "stopped"})
    assert [stale.status_code, back.status_code] == [409, 409]
    assert await _audited(campaign, f"full-reduction/{drafted['full_reduction_id']}") == [
        ("full-reduction.create", None, drafted),
        ("full-reduction.change", drafted, changed),
        ("full-reduction.start", changed, started),
        ("full-reduction.stop", started, stopped),
    ]


@pytest.mark.parametrize("kind", ["coupon-templates", "full-reductions"])
async def test_operators_read_by_any_role_and_change_by_theirs(campaign: Campaign, kind: str) -> None:
    made = await (campaign.template() if kind == "coupon-templates" else campaign.full_reduction())
    path, body = f"/{kind}/{made}", {"version": 1, "name": "改名"}

    for role in ("finance", "service_desk", "auditor"):
        assert (await campaign.try_to("GET", f"/{kind}", role=role)).status_code == 200
        refusals = [
            await campaign.try_to("POST", f"/{kind}", TEN_OFF, role=role),
            await campaign.try_to("PATCH", path, body, role=role),
            await campaign.try_to("POST", f"{path}/start", role=role),
            await campaign.try_to("POST", f"{path}/stop", role=role),
        ]
        assert [answer.status_code for answer in refusals] == [403] * 4
    assert (await campaign.try_to("PATCH", path, body, role="owner")).status_code == 200


@pytest.mark.parametrize("kind", ["coupon-templates", "full-reductions"])
async def test_nobody_else_comes_near_the_operators_routes(campaign: Campaign, kind: str) -> None:
    for caller in (
        campaign.shop.as_member(),
        campaign.shop.as_anonymous(),
        campaign.shop.as_service("order"),
    ):
        answers = [
            await caller.get("campaign", f"/operator/{kind}"),
            await caller.post("campaign", f"/operator/{kind}", TEN_OFF),
            await caller.patch("campaign", f"/operator/{kind}/{new_id()}", {"version": 1}),
            await caller.post("campaign", f"/operator/{kind}/{new_id()}/start"),
        ]
        assert [answer.status_code for answer in answers] == [401] * 4


@pytest.mark.parametrize("kind", ["coupon-templates", "full-reductions"])
async def test_what_is_not_there_cannot_be_changed(campaign: Campaign, kind: str) -> None:
    answers = [
        await campaign.try_to("PATCH", f"/{kind}/{new_id()}", {"version": 1}),
        await campaign.try_to("POST", f"/{kind}/{new_id()}/start"),
        await campaign.try_to("POST", f"/{kind}/{new_id()}/stop"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3


@pytest.mark.parametrize("kind", ["coupon-templates", "full-reductions"])
async def test_operators_lists_are_newest_first_in_pages(campaign: Campaign, kind: str) -> None:
    make = campaign.template if kind == "coupon-templates" else campaign.full_reduction
    made = [await make(running=False) for _ in range(3)]
    id_field = "template_id" if kind == "coupon-templates" else "full_reduction_id"

    first = (await campaign.try_to("GET", f"/{kind}?limit=2&status=draft")).json()
    second = (await campaign.try_to("GET", f"/{kind}?limit=1&status=draft&after={first['next']}")).json()
    forged = await campaign.try_to("GET", f"/{kind}?after=WzFd")

    assert [item[id_field] for item in first["items"] + second["items"]] == made[::-1]
    assert forged.status_code == 422


async def _audited(campaign: Campaign, subject: str) -> list[tuple[str, Any, Any]]:
    rows = await campaign.rows(
        "SELECT action, before, after, actor_roles FROM audit_log WHERE subject = :subject ORDER BY position",
        subject=subject,
    )
    assert all(row["actor_roles"] == ["operations"] for row in rows)
    return [(row["action"], row["before"], row["after"]) for row in rows]
