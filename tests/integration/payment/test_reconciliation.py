"""A day's bills compared with our books, row by row (PY-09, M7, checklist B)."""

from tests.integration.payment.bookkeeping import Bookkeeping
from tests.integration.payment.partners import open_partners, put_rule


async def test_a_day_on_which_everything_agrees_closes_by_itself(books: Bookkeeping) -> None:
    day = await books.new_day()
    paid = await books.till.paid_order(amount_fen=10_000)
    await books.refunded(paid, 4_000)
    await books.paid_late()
    before = await books.till.rows("SELECT sum(amount_fen) AS fen FROM journal_entries")

    view = await books.morning_after(day)

    assert await books.kinds(day) == []
    assert (view["status"], view["step"], view["last_error"]) == ("closed", "done", None)
    assert (view["payments"], view["payments_fen"]) == (2, 19_980)
    assert (view["refunds"], view["refunds_fen"]) == (2, 13_980)
    assert (view["payments_compared"], view["refunds_compared"]) == (2, 2)
    assert (view["fees_charged_fen"], view["fees_returned_fen"]) == (120, 84)
    assert {
        name: (bill["rows"], bill["rows_read"], bill["rows_compared"]) for name, bill in view["bills"].items()
    } == {
        "trade": (4, 4, 4),
        "fund": (8, 8, 8),
    }
    assert view["bills"]["trade"]["bytes"] > 500
    assert before == [{"fen": 0}]
    assert await books.journals_of(day) == [
        {"kind": "fees_charged", "account": "provider_fees", "amount_fen": 120},
        {"kind": "fees_charged", "account": "provider_receivable", "amount_fen": -120},
        {"kind": "fees_returned", "account": "provider_receivable", "amount_fen": 84},
        {"kind": "fees_returned", "account": "provider_fees", "amount_fen": -84},
    ]


async def test_the_morning_comes_again_and_changes_nothing(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    first = await books.morning_after(day)
    journals = await books.till.count("journals")

    again = await books.later(day, hours=30)

    assert again == first
    assert await books.till.count("journals") == journals


async def test_a_day_without_trades_closes_as_empty(books: Bookkeeping) -> None:
    day = await books.new_day()

    view = await books.morning_after(day)

    assert (view["status"], view["payments"], view["refunds"]) == ("closed", 0, 0)
    assert [(bill["sha1"], bill["rows_read"]) for bill in view["bills"].values()] == [(None, 0), (None, 0)]
    assert await books.journals_of(day) == []


async def test_a_bill_that_says_nothing_happened_differs_from_books_that_say_otherwise(
    books: Bookkeeping,
) -> None:
    day = await books.new_day()
    order = await books.till.paid_order()
    refund = await books.refunded(order, 100)
    await books.damage(("omit", order["order_number"]), ("omit", refund))

    view = await books.morning_after(day)

    assert (view["status"], view["bills"]["trade"]["sha1"]) == ("compared", None)
    assert await books.kinds(day, kind="missing_in_bill") == [
        ("missing_in_bill", order["order_number"]),
        ("missing_in_bill", refund),
    ]


async def test_payments_that_are_billed_wrong_are_found(books: Bookkeeping) -> None:
    day = await books.new_day()
    orders = [await books.till.paid_order() for _ in range(6)]
    missing, dearer, revoked, unreadable, twice, right = [order["order_number"] for order in orders]
    await books.damage(
        ("omit", missing),
        ("misstate", dearer),
        ("restate", revoked),
        ("garble", unreadable),
        ("repeat", twice),
    )
    balances = await _balances(books)

    view = await books.morning_after(day)

    differences = await books.differences(day)
    assert [(each["kind"], each["number"]) for each in differences if each["bill"] == "trade"] == [
        ("amount_differs", dearer),
        ("duplicate_row", f"{twice}#5"),
        ("missing_in_bill", min(missing, unreadable)),
        ("missing_in_bill", max(missing, unreadable)),
        ("state_differs", revoked),
        ("summary_differs", "fee_fen"),
        ("summary_differs", "settlement_total_fen"),
        ("summary_differs", "total_fen"),
        ("unreadable_row", "#3"),
    ]
    in_fund_bill = [
        (each["kind"], each["bill_facts"].get("voucher_no")) for each in differences if each["bill"] == "fund"
    ]
    assert sorted(in_fund_bill, key=str) == sorted(
        [
            ("fund_amount_differs", None),
            *(("missing_in_trade_bill", one) for one in (missing, unreadable) * 2),
        ],
        key=str,
    )
    assert {(each["status"], each["owner_role"]) for each in differences} == {("open", "finance")}
    assert right not in str(differences)
    assert (view["status"], view["differences"]["open"]) == ("compared", len(differences))
    assert await _balances(books) == balances, "nothing is credited by itself"
    assert await books.till.status(orders[0]) == "succeeded"


async def test_refunds_that_are_billed_wrong_are_found(books: Bookkeeping) -> None:
    day = await books.new_day()
    order = await books.till.paid_order()
    missing, dearer, failed, twice, right = [await books.refunded(order, 1_000) for _ in range(5)]
    await books.damage(("omit", missing), ("misstate", dearer), ("restate", failed), ("repeat", twice))

    await books.morning_after(day)

    assert [each for each in await books.kinds(day) if each[0] != "missing_in_trade_bill"] == [
        ("fund_amount_differs", dearer),
        ("amount_differs", dearer),
        ("duplicate_row", f"{twice}#5"),
        ("missing_in_bill", missing),
        ("state_differs", failed),
    ]
    unbilled = await books.differences(day, kind="missing_in_trade_bill")
    assert [each["bill_facts"]["voucher_no"] for each in unbilled] == [missing, missing]
    assert right not in str(await books.differences(day))


async def test_a_row_that_our_books_do_not_know_is_credited_to_nobody(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.damage(("invent", f"X{day:%Y%m%d}"))
    balances, payments = await _balances(books), await books.till.count("payments")

    await books.morning_after(day)

    (found, unmoved) = await books.differences(day, bill="trade")
    assert (unmoved["kind"], found["kind"], found["number"]) == (
        "missing_in_books",
        "missing_in_fund_bill",
        f"X{day:%Y%m%d}",
    )
    assert unmoved["books_facts"] is None
    assert unmoved["bill_facts"]["amount_fen"] == 1
    assert (await _balances(books), await books.till.count("payments")) == (balances, payments)


async def test_both_sides_facts_are_told(books: Bookkeeping) -> None:
    day = await books.new_day()
    order = await books.till.paid_order()
    await books.damage(("misstate", order["order_number"]))

    await books.morning_after(day)

    (_, found) = await books.differences(day)
    assert found["kind"] == "amount_differs"
    bill, ours = found["bill_facts"], found["books_facts"]
    assert (bill["amount_fen"], bill["state"], bill["row_number"]) == (9_981, "SUCCESS", 1)
    assert (ours["amount_fen"], ours["state"], ours["order_id"]) == (9_980, "succeeded", order["order_id"])
    assert bill["provider_number"] == ours["provider_number"]
    assert order["payer_openid"] not in str(found)


async def test_money_that_moved_otherwise_than_it_was_traded_is_found(books: Bookkeeping) -> None:
    day = await books.new_day()
    orders = [await books.till.paid_order() for _ in range(6)]
    kept, dearer, strange, unreadable, twice, right = [order["order_number"] for order in orders]
    damages = {kept: "omit", dearer: "misstate", strange: "restate", unreadable: "garble", twice: "repeat"}
    await books.damage(*((kind, number) for number, kind in damages.items()), bill="fund")

    view = await books.morning_after(day)

    differences = await books.differences(day)
    assert {each["bill"] for each in differences} == {"fund"}
    found = sorted((each["kind"], each["number"]) for each in differences if "#" not in each["number"])
    assert found == sorted(
        [
            *(("missing_in_fund_bill", number) for number in (kept, strange, unreadable)),
            *(("fund_amount_differs", number) for number in (dearer, twice)),
            *(("fee_differs", number) for number in (dearer, twice)),
            *(
                ("summary_differs", name)
                for name in ("income_fen", "income_rows", "spending_fen", "spending_rows")
            ),
        ]
    )
    by_row = sorted(
        (each["kind"], each["bill_facts"].get("voucher_no")) for each in differences if "#" in each["number"]
    )
    assert by_row == sorted(
        [
            *[("duplicate_row", twice)] * 2,
            *[("unknown_fund_row", strange)] * 2,
            *[("unreadable_row", None)] * 2,
        ],
        key=str,
    )
    assert right not in str(differences)
    assert view["status"] == "compared"


async def test_a_movement_of_a_trade_that_nobody_made_is_found(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.damage(("invent", "NOBODYS"), bill="fund")

    await books.morning_after(day)

    (found,) = await books.differences(day)
    assert (found["kind"], found["bill_facts"]["voucher_no"]) == ("missing_in_trade_bill", "NOBODYS")


async def test_only_fees_that_both_bills_agree_on_are_booked(books: Bookkeeping) -> None:
    day = await books.new_day()
    wrong, right = (
        await books.till.paid_order(amount_fen=10_000),
        await books.till.paid_order(amount_fen=20_000),
    )
    await books.damage(("misstate", wrong["order_number"]), bill="fund")
    await books.morning_after(day)

    for each in await books.differences(day):
        assert (await books.decide(each, "resolve", resolution="explained")).status_code == 200

    assert (await books.view(day))["status"] == "closed"
    assert [(each["kind"], each["amount_fen"]) for each in await books.journals_of(day)] == [
        ("fees_charged", 120),
        ("fees_charged", -120),
    ]
    assert right["order_number"] != wrong["order_number"]


async def test_what_the_merchant_pays_in_and_takes_out_is_no_difference(books: Bookkeeping) -> None:
    day = await books.new_day()
    for path in ("/top-ups", "/withdrawals"):
        (await books.till.wechat.control.post(path, json={"amount_fen": 500})).raise_for_status()

    view = await books.morning_after(day)

    assert (view["status"], view["bills"]["fund"]["rows_read"]) == ("closed", 2)


async def test_shared_profit_and_what_came_back_of_it_are_known_movements(books: Bookkeeping) -> None:
    day = await books.new_day()
    partners = await open_partners(books.till)
    order = await partners.shared_order()
    await books.till.request_refund(order, 9_980)
    await partners.until_refund(order, "succeeded")
    other = await partners.shared_order()
    await put_rule(partners, [])

    view = await books.morning_after(day)

    moved = await books.till.rows(
        "SELECT category, amount_fen FROM fund_bill_rows WHERE bill_on = :day AND category LIKE 'profit%'"
        " ORDER BY category, amount_fen",
        day=day,
    )
    assert [(each["category"], each["amount_fen"]) for each in moved] == [
        *[("profit_share", -1_996)] * 2,
        *[("profit_share", -499)] * 2,
        ("profit_share_return", 1_996),
    ]
    assert (view["status"], await books.kinds(day)) == ("closed", [])
    assert other["order_number"] != order["order_number"]


async def test_a_share_that_our_books_do_not_know_so_is_found(books: Bookkeeping) -> None:
    day = await books.new_day()
    partners = await open_partners(books.till)
    order = await partners.shared_order()
    await put_rule(partners, [])
    await books.damage(("misstate", f"SHARE-{order['order_number']}-1"), bill="fund")

    await books.morning_after(day)

    found = await books.differences(day)
    assert [(each["kind"], each["bill_facts"]["amount_fen"]) for each in found] == [
        ("unknown_fund_row", -1_995),
        ("unknown_fund_row", -498),
    ]


async def test_a_summary_that_is_not_its_rows_is_found(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.till.rules(bill_summary_differs_by_fen=5)

    await books.morning_after(day)

    (found,) = await books.differences(day)
    assert (found["kind"], found["number"]) == ("summary_differs", "total_fen")
    assert found["bill_facts"] == {"summary": 9_985, "rows": 9_980}


async def test_a_refund_that_is_still_under_way_agrees(books: Bookkeeping) -> None:
    day = await books.new_day()
    order = await books.till.paid_order()
    await books.till.rules(refund_settles_after_seconds=None)
    asked = await books.till.request_refund(order, 100)
    await books.till.run_timers()

    view = await books.morning_after(day)

    assert (view["status"], view["refunds"]) == ("closed", 1)
    settled = await books.till.wechat.control.post(
        f"/refunds/{asked.refund_number}/settle", json={"status": "SUCCESS"}
    )
    assert settled.status_code == 200


async def _balances(books: Bookkeeping) -> list[dict[str, int]]:
    return await books.till.rows(
        "SELECT account, sum(amount_fen)::bigint AS fen FROM journal_entries GROUP BY account ORDER BY account"
    )
