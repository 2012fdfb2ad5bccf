"""The rules of payments and refunds, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.payment.payments.domain import (
    Attempt,
    AttemptStatus,
    Payment,
    PaymentStatus,
    differences,
    out_trade_no,
)
from services.payment.refunds.domain import next_call_at, out_refund_no, surplus_number
from shared.ids import new_id
from shared.wechat.pay import PaySettings, TradeState, Transaction

AT = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
ACCOUNT = PaySettings(
    mchid="1900000001",
    appid="wx0123456789abcdef",
    private_key_pem="",
    serial_no="",
    apiv3_key="k" * 32,
    public_keys={"PUB_KEY_ID_01": ""},
)


def a_payment(**changes: Any) -> Payment:
    payment = Payment(
        payment_id=new_id(),
        order_id=new_id(),
        order_number="J20260102",
        member_id=new_id(),
        payer_openid="oA1b2",
        description="coffee",
        amount_fen=9_980,
        status=PaymentStatus.PAYING,
        method=None,
        transaction_id=None,
        expires_at=AT + timedelta(minutes=15),
        closing_at=None,
    )
    return replace(payment, **changes)


def an_attempt(**changes: Any) -> Attempt:
    attempt = Attempt(
        out_trade_no="J20260102",
        payment_id=new_id(),
        number=1,
        status=AttemptStatus.PREPAID,
        prepay_id="wx1",
        prepaid_at=AT,
        may_appear_until=None,
        initiated_at=AT,
        transaction_id=None,
    )
    return replace(attempt, **changes)


def a_statement(**changes: Any) -> Transaction:
    said = Transaction(
        appid=ACCOUNT.appid,
        mchid=ACCOUNT.mchid,
        out_trade_no="J20260102",
        transaction_id="4200001",
        trade_state=TradeState.SUCCESS,
        total_fen=9_980,
        payer_total_fen=9_480,
        currency="CNY",
        openid="oA1b2",
        attach=None,
        bank_type="OTHERS",
        success_time=AT,
    )
    return replace(said, **changes)


def test_a_statement_that_says_what_was_ordered_differs_in_nothing() -> None:
    assert differences(a_statement(), a_payment(), an_attempt(), ACCOUNT) == {}
    assert differences(a_statement(payer_total_fen=1), a_payment(), an_attempt(), ACCOUNT) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mchid", "1900000002"),
        ("appid", "wxother"),
        ("out_trade_no", "J20260103"),
        ("trade_state", TradeState.REFUND),
        ("trade_state", TradeState.NOTPAY),
        ("total_fen", 9_979),
        ("currency", "USD"),
        ("openid", "oSomebody"),
        ("openid", None),
    ],
)
def test_any_other_statement_differs(field: str, value: object) -> None:
    said = a_statement(**{field: value})
    assert differences(said, a_payment(), an_attempt(), ACCOUNT) == {field: value}


def test_a_statement_without_or_with_another_transaction_differs() -> None:
    paid = an_attempt(status=AttemptStatus.SUCCEEDED, transaction_id="4200001")
    other = a_statement(transaction_id="4200002")
    assert differences(other, a_payment(), paid, ACCOUNT) == {"transaction_id": "4200002"}
    nothing = a_statement(transaction_id=None)
    assert differences(nothing, a_payment(), an_attempt(), ACCOUNT) == {"transaction_id": None}


def test_a_prepay_id_is_handed_out_for_less_than_two_hours() -> None:
    attempt = an_attempt()
    assert attempt.usable_prepay_id(at=AT + timedelta(minutes=114)) == "wx1"
    assert attempt.usable_prepay_id(at=AT + timedelta(minutes=115)) is None
    assert an_attempt(prepay_id=None, prepaid_at=None).usable_prepay_id(at=AT) is None


def test_a_silent_provider_is_asked_often_at_first_and_then_every_four_minutes() -> None:
    attempt, at, seconds = an_attempt(), AT, []
    while at < AT + timedelta(minutes=31):
        at = attempt.next_query_at(at=at)
        seconds.append(int((at - AT).total_seconds()))
    assert seconds == [5, 30, 60, 180, 300, 540, 600, 840, 1080, 1320, 1560, 1800, 2040]


def test_numbers_are_deterministic_and_fit_the_provider() -> None:
    assert [out_trade_no("J20260102", number) for number in (1, 2, 99)] == [
        "J20260102",
        "J20260102-2",
        "J20260102-99",
    ]
    assert [out_refund_no("R1", number) for number in (1, 2)] == ["R1", "R1-2"]
    assert surplus_number("J20260102-2") == "SURPLUS-J20260102-2"
    assert len(out_trade_no("J" * 28, 99)) <= 32


def test_pauses_between_refund_calls_grow_past_a_minute_and_stay_within_five() -> None:
    pauses = [(next_call_at(calls, at=AT) - AT).total_seconds() for calls in range(1, 9)]
    assert pauses == [5, 15, 30, 65, 120, 300, 300, 300]
