"""How much is shared and how much comes back, without a database (PY-03, M9)."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, strategies as st

from services.payment.profit_sharing.amounts import backs, split
from services.payment.profit_sharing.domain import (
    NEXT,
    OrderKind,
    PartResult,
    ReceiverKind,
    RulePart,
    SharePart,
    Sharing,
    SharingStatus,
    share_number,
)
from shared.ids import new_id
from shared.money import share_bp

AT = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)


def a_sharing(
    *, paid_fen: int, refunded_fen: int = 0, max_bp: int = 3_000, fee_bp: int = 60, shared_fen: int = 0
) -> Sharing:
    return Sharing(
        payment_id=new_id(),
        order_id=new_id(),
        out_trade_no="J20260102",
        transaction_id="4200",
        rule_version=1,
        status=SharingStatus.NONE,
        paid_at=AT,
        unfreeze_due_at=AT,
        paid_fen=paid_fen,
        refunded_fen=refunded_fen,
        fee_fen=share_bp(paid_fen, fee_bp),
        share_max_bp=max_bp,
        shared_fen=shared_fen,
        share_back_fen=0,
    )


def a_part(amount_fen: int, *, back_fen: int = 0) -> SharePart:
    return SharePart(
        out_order_no="SHARE-1",
        receiver_id=new_id(),
        kind=ReceiverKind.MERCHANT,
        account="1900000109",
        amount_fen=amount_fen,
        back_fen=back_fen,
        result=PartResult.SUCCEEDED,
    )


def parts(*shares_bp: int) -> list[RulePart]:
    return [RulePart(UUID(int=number), share_bp) for number, share_bp in enumerate(shares_bp)]


def amounts(rule: list[RulePart], *, base_fen: int, limit_fen: int) -> list[int]:
    return [amount_fen for _, amount_fen in split(rule, base_fen=base_fen, limit_fen=limit_fen)]


def test_an_amount_is_shared_by_largest_remainder() -> None:
    assert amounts(parts(2_000, 500), base_fen=9_980, limit_fen=9_980) == [1_996, 499]
    assert amounts(parts(1_000, 1_000, 1_000), base_fen=100, limit_fen=100) == [10, 10, 10]
    assert amounts(parts(333, 333, 334), base_fen=1_001, limit_fen=1_001) == [33, 33, 34]


def test_no_more_is_shared_than_the_limit_and_nobody_gets_nothing() -> None:
    assert amounts(parts(2_000, 500), base_fen=9_980, limit_fen=10) == [8, 2]
    assert amounts(parts(2_000, 500), base_fen=9_980, limit_fen=1) == [1]
    assert amounts(parts(2_000, 500), base_fen=9_980, limit_fen=0) == []
    assert amounts(parts(2_000), base_fen=4, limit_fen=4) == []
    assert amounts([], base_fen=9_980, limit_fen=9_980) == []


def test_the_ratio_and_the_fee_limit_what_may_be_shared() -> None:
    assert a_sharing(paid_fen=9_980).shareable_fen == 2_994
    assert a_sharing(paid_fen=9_980, shared_fen=2_000).shareable_fen == 994
    assert a_sharing(paid_fen=9_980, max_bp=10_000).shareable_fen == 9_920
    assert a_sharing(paid_fen=9_980, refunded_fen=9_000).shareable_fen == 980 - 6
    assert a_sharing(paid_fen=9_980, refunded_fen=9_980).shareable_fen == 0


def test_an_unshared_rest_is_the_only_way_out() -> None:
    assert NEXT[SharingStatus.UNFROZEN] == frozenset()
    ends = {status for status in SharingStatus if SharingStatus.UNFREEZING in NEXT[status]}
    assert ends == {SharingStatus.NONE, SharingStatus.REFUSED, SharingStatus.FINISHED}
    assert share_number("J1", 2, OrderKind.UNFREEZE) == "UNFREEZE-J1-2"


@given(
    paid_fen=st.integers(1, 10**10),
    before=st.integers(0, 100),
    max_bp=st.integers(0, 10_000),
    fee_bp=st.integers(0, 500),
    shares_bp=st.lists(st.integers(1, 4_000), min_size=1, max_size=5),
    refunds=st.lists(st.integers(1, 100), min_size=1, max_size=5),
)
def test_shared_less_returned_and_refunded_and_fee_never_exceed_what_was_paid(
    paid_fen: int, before: int, max_bp: int, fee_bp: int, shares_bp: list[int], refunds: list[int]
) -> None:
    refunded_fen = paid_fen * before // 100
    sharing = a_sharing(paid_fen=paid_fen, refunded_fen=refunded_fen, max_bp=max_bp, fee_bp=fee_bp)
    got = amounts(parts(*shares_bp), base_fen=sharing.base_fen, limit_fen=sharing.shareable_fen)
    assert sum(got) <= paid_fen * max_bp // 10_000
    back = [0] * len(got)
    for percent in [*refunds, 100]:
        refunded_fen += (paid_fen - refunded_fen) * percent // 100
        held = [
            (a_part(amount, back_fen=gone), sharing.base_fen) for amount, gone in zip(got, back, strict=True)
        ]
        due = {
            each.part.receiver_id: each.amount_fen
            for each in backs(held, paid_fen=paid_fen, refunded_fen=refunded_fen)
        }
        back = [gone + due.get(part.receiver_id, 0) for gone, (part, _) in zip(back, held, strict=True)]
        fee_left_fen = sharing.fee_fen - sharing.fee_fen * refunded_fen // paid_fen
        assert sum(got) - sum(back) + refunded_fen + fee_left_fen <= paid_fen
    assert back == got, "a full refund takes everything back"
