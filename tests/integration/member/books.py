"""The points books of one member, proved as the audit would (L1, L2, L4)."""

from tests.integration.member.people import Member, Members


async def assert_books_close(members: Members, member: Member) -> None:
    """Entries sum to zero; balances are the sums of their entries; lots and holds sum to the balances."""
    [sums] = await members.rows(
        "SELECT coalesce(sum(points), 0) AS whole,"
        " coalesce(sum(points) FILTER (WHERE account = 'spendable'), 0) AS spendable,"
        " coalesce(sum(points) FILTER (WHERE account = 'held'), 0) AS held,"
        " -coalesce(sum(points) FILTER (WHERE account = 'debt'), 0) AS owed"
        " FROM points_entries WHERE member_id = :id",
        id=member.member_id,
    )
    [balance] = await members.rows(
        "SELECT spendable, held, owed FROM points_accounts WHERE member_id = :id", id=member.member_id
    )
    [beside] = await members.rows(
        "SELECT (SELECT coalesce(sum(remaining), 0) FROM points_lots WHERE member_id = :id) AS lots,"
        " (SELECT coalesce(sum(points), 0) FROM points_holds WHERE member_id = :id AND state = 'held') AS holds,"
        " (SELECT growth FROM growth_accounts WHERE member_id = :id) AS growth,"
        " (SELECT coalesce(sum(growth), 0) FROM growth_entries WHERE member_id = :id) AS growth_entries",
        id=member.member_id,
    )
    assert sums == {"whole": 0} | balance
    assert beside["lots"] == balance["spendable"] + balance["held"]
    assert beside["holds"] == balance["held"]
    assert beside["growth"] == beside["growth_entries"]
