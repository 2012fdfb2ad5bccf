"""What the database itself refuses, and what operators see (reliability K12, K13, M2, M6, P10)."""

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.payment.ledger.storage import Account, Ledger, Source
from shared.database import begin
from shared.ids import new_id
from tests.integration.payment.till import Till


async def test_an_unbalanced_journal_is_refused(till: Till) -> None:
    payment_id = (await till.collect(await till.order()))["payment_id"]
    with pytest.raises(DBAPIError, match="does not sum to zero"):
        async with begin(till.resources.engine) as work:
            await Ledger(work.connection).post(
                Source(type="test", id=str(new_id()), kind="received"),
                {Account.PROVIDER_RECEIVABLE: 2, Account.ORDER_RECEIPTS: -1},
                payment_id=payment_id,
                at=till.clock.now(),
            )


async def test_a_journal_without_entries_is_refused(till: Till) -> None:
    payment_id = (await till.collect(await till.order()))["payment_id"]
    with pytest.raises(DBAPIError, match="does not sum to zero"):
        async with begin(till.resources.engine) as work:
            await Ledger(work.connection).post(
                Source(type="test", id=str(new_id()), kind="received"),
                {},
                payment_id=payment_id,
                at=till.clock.now(),
            )


async def test_a_movement_is_posted_once(till: Till) -> None:
    order = await till.paid_order()
    detail = await till.detail(order)
    with pytest.raises(IntegrityError, match="journals_source_type_source_id_kind_key"):
        async with begin(till.resources.engine) as work:
            await Ledger(work.connection).post(
                Source(type="attempt", id=order["order_number"], kind="received"),
                {Account.PROVIDER_RECEIVABLE: 1, Account.ORDER_RECEIPTS: -1},
                payment_id=detail["payment_id"],
                at=till.clock.now(),
            )


@pytest.mark.parametrize("account", [each for each in Account if each is not Account.PROVIDER_RECEIVABLE])
async def test_the_database_takes_every_account(till: Till, account: Account) -> None:
    payment_id = (await till.collect(await till.order()))["payment_id"]
    async with begin(till.resources.engine) as work:
        await Ledger(work.connection).post(
            Source(type="test", id=str(new_id()), kind="moved"),
            {Account.PROVIDER_RECEIVABLE: 1, account: -1},
            payment_id=payment_id,
            at=till.clock.now(),
        )


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("journals", "kind"),
        ("journal_entries", "account"),
        ("notices", "kind"),
        ("security_events", "kind"),
        ("dispute_decisions", "decision"),
        ("outside_settlements", "evidence"),
    ],
)
async def test_what_was_written_down_stays(till: Till, table: str, column: str) -> None:
    for change in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}", f"TRUNCATE {table}"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with till.resources.engine.begin() as connection:
                await connection.exec_driver_sql(change)


@pytest.mark.parametrize(
    "change",
    [
        "refunded_fen = paid_fen + 1",
        "refund_count = 51",
        "paid_fen = amount_fen - 1",
        "transaction_id = NULL",
        "status = 'closed'",
        "status = 'paying'",
    ],
)
async def test_a_payment_that_contradicts_itself_is_refused(till: Till, change: str) -> None:
    order = await till.paid_order()
    with pytest.raises(IntegrityError):
        async with till.resources.engine.begin() as connection:
            await connection.exec_driver_sql(
                f"UPDATE payments SET {change} WHERE order_id = '{order['order_id']}'"
            )


async def test_operators_page_through_payments_newest_first(till: Till) -> None:
    orders = [await till.order() for _ in range(3)]
    for order in orders:
        await till.collect(order)
    operator = till.shop.as_operator("finance")
    seen, after = [], ""
    for _ in range(3):
        page = (await operator.get("payment", f"/operator/payments?limit=1&status=paying{after}")).json()
        seen += [item["order_id"] for item in page["items"]]
        after = f"&after={page['next']}"
    assert seen == [order["order_id"] for order in reversed(orders)]
    assert (await operator.get("payment", "/operator/payments?after=bm9uc2Vuc2U")).status_code == 422


async def test_operators_page_through_refund_attempts_newest_first(till: Till) -> None:
    order = await till.paid_order()
    asked = []
    for refund_fen in (1, 2, 3):
        await till.advance(seconds=1)
        asked.append(await till.request_refund(order, refund_fen))
    operator = till.shop.as_operator("finance")
    first = (await operator.get("payment", "/operator/refund-attempts?limit=2&status=requested")).json()
    rest = (
        await operator.get(
            "payment", f"/operator/refund-attempts?limit=1&status=requested&after={first['next']}"
        )
    ).json()
    seen = [item["out_refund_no"] for item in first["items"] + rest["items"]]
    assert seen == [each.refund_number for each in reversed(asked)]


async def test_disputed_payments_are_found(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    await till.notice(order["order_number"], variant="alter", field="amount")
    operator = till.shop.as_operator("finance")
    page = (await operator.get("payment", "/operator/payments?is_disputed=true&limit=1")).json()
    assert [item["order_id"] for item in page["items"]] == [order["order_id"]]
    events = (await operator.get("payment", "/operator/payment-security-events?limit=1")).json()
    assert [(item["kind"], item["subject"]) for item in events["items"]] == [
        ("disputed-statement", order["order_number"])
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/operator/payments",
        "/operator/payments/01a20051-4db2-762f-9d61-d33eaf0bef4f",
        "/operator/refund-attempts",
        "/operator/surplus-payments",
        "/operator/cash-accounts",
        "/operator/payment-security-events",
    ],
)
async def test_only_operators_look_into_the_books(till: Till, path: str) -> None:
    for caller in (till.shop.as_anonymous(), till.shop.as_member(), till.shop.as_service("order")):
        assert (await caller.get("payment", path)).status_code == 401
