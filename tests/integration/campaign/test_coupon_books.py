"""The coupon books close after a crowd has been through (C1, C2, C4, K12, K13)."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.database import begin
from shared.events import Event
from shared.ids import new_id
from tests.integration.campaign.giveaways import Campaign, order_closed, order_paid, order_refunded

WRONG_COUNTS = """
    SELECT t.id FROM coupon_templates t LEFT JOIN coupons c ON c.template_id = t.id
     GROUP BY t.id HAVING t.issued <> count(c.id) OR t.issued > t.total_quota"""
WRONG_LIMITS = """
    SELECT member_id FROM coupons GROUP BY template_id, member_id
    HAVING count(*) > max(per_member_limit) OR count(*) <> max(sequence)"""
WRONG_LOCKS = """
    SELECT 1 FROM coupons c FULL JOIN
      (SELECT * FROM coupon_locks WHERE state IN ('locked', 'redeemed')) l ON l.order_id = c.order_id
     WHERE (c.order_id IS NOT NULL OR l.order_id IS NOT NULL) AND (c.id, c.member_id,
       CASE c.state WHEN 'locked' THEN 'locked' WHEN 'used' THEN 'redeemed' END)
       IS DISTINCT FROM (l.coupon_id, l.member_id, l.state)"""
WRONG_JOURNALS = """
    SELECT c.id FROM coupons c CROSS JOIN LATERAL (
      SELECT array_agg(j.to_state ORDER BY j.id) AS reached, array_agg(j.from_state ORDER BY j.id) AS left_behind
        FROM coupon_journal j WHERE j.coupon_id = c.id) told
     WHERE told.reached IS NULL OR told.reached[cardinality(told.reached)] <> c.state
        OR told.left_behind[2:] IS DISTINCT FROM told.reached[1:cardinality(told.reached) - 1]"""


async def test_the_books_close_after_many_orders_at_once(campaign: Campaign) -> None:
    template_id = await campaign.template(total_quota=30, per_member_limit=2)
    members = [new_id() for _ in range(20)]
    claims = await asyncio.gather(*(campaign.claim(template_id, member) for member in members * 2))
    wallets = [
        (member, str(coupon["coupon_id"])) for member in members for coupon in await campaign.coupons(member)
    ]
    assert (len(wallets), [answer.status_code for answer in claims].count(201)) == (30, 30)

    connections = asyncio.Semaphore(8)

    async def shop_with(number: int, member_id: UUID, coupon_id: str) -> None:
        orders = [new_id(), new_id()]
        answers = await asyncio.gather(*(campaign.lock(order, member_id, coupon_id) for order in orders))
        [order_id] = [
            order for order, answer in zip(orders, answers, strict=True) if answer.status_code == 200
        ]
        events: list[list[Event]] = [
            [order_paid(order_id, member_id, coupon_id)],
            [order_closed(order_id, member_id, coupon_id)],
            [order_paid(order_id, member_id, coupon_id), order_refunded(order_id, member_id, coupon_id)],
        ]
        for each in events[number % 3]:
            async with connections:
                await campaign.hear(each)

    await asyncio.gather(*(shop_with(number, *wallet) for number, wallet in enumerate(wallets)))

    rows = await campaign.rows(
        "SELECT state, count(*) AS coupons FROM coupons WHERE CAST(template_id AS text) = :id GROUP BY 1 ORDER BY 1",
        id=template_id,
    )
    assert [tuple(row.values()) for row in rows] == [("available", 20), ("used", 10)]
    for statement in (WRONG_COUNTS, WRONG_LIMITS, WRONG_LOCKS, WRONG_JOURNALS):
        assert await campaign.rows(statement) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE coupon_journal SET kind = kind",
        "DELETE FROM coupon_journal",
        "UPDATE coupon_rules SET amount_fen = amount_fen + 1",
        "DELETE FROM coupon_rules",
    ],
)
async def test_the_journal_and_past_rules_cannot_be_rewritten(campaign: Campaign, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        await _execute(campaign, statement)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE coupon_templates SET issued = total_quota + 1", "coupon_templates_quota_check"),
        ("UPDATE coupons SET sequence = per_member_limit + 1", "coupons_limit_check"),
        ("UPDATE coupons SET state = 'used', order_id = NULL", "coupons_order_check"),
    ],
)
async def test_the_limits_hold_even_if_the_code_were_wrong(
    campaign: Campaign, statement: str, constraint: str
) -> None:
    coupon_id = await campaign.coupon(new_id())
    where = {
        "coupon_templates": "id = (SELECT template_id FROM coupons WHERE id = :id)",
        "coupons": "id = :id",
    }

    with pytest.raises(DBAPIError, match=constraint):
        await _execute(campaign, f"{statement} WHERE {where[statement.split()[1]]}", id=UUID(coupon_id))


async def _execute(campaign: Campaign, statement: str, **values: object) -> None:
    async with begin(campaign.engine) as work:
        await work.connection.execute(text(statement), values)
