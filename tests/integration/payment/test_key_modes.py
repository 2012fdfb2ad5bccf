"""A merchant with public keys only, with certificates only, and with both while moving (wechat.md 5.1, 5.3, 5.4)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from shared.wechat.pay import OutcomeUnknown, PaySettings, WeChatPay
from tests.integration.payment.till import Till


def _merchant(till: Till, mode: str) -> PaySettings:
    account = till.resources.account
    if mode == "public_key":
        return replace(account, uses_certificates=False)
    if mode == "certificate":
        return replace(account, public_keys={}, uses_certificates=True)
    return account


@pytest.fixture(params=["public_key", "certificate", "both"])
async def paying_by(request: pytest.FixtureRequest, till: Till) -> AsyncIterator[tuple[str, Till]]:
    """The till, for a merchant of each kind; ``both`` while WeChat signs with either."""
    mode = {"both": "grey"}.get(request.param, request.param)
    (
        await till.wechat.control.put("/verification-mode", json={"mode": mode, "percent": 50})
    ).raise_for_status()
    resources = till.resources
    before = resources.wechat_pay
    async with httpx.AsyncClient(trust_env=False) as http:
        account = _merchant(till, request.param)
        object.__setattr__(resources, "wechat_pay", WeChatPay(account, http, clock=till.clock.now))
        yield request.param, till
    object.__setattr__(resources, "wechat_pay", before)
    (await till.wechat.control.put("/verification-mode", json={"mode": "public_key"})).raise_for_status()


async def test_a_payment_and_its_refund_are_believed(paying_by: tuple[str, Till]) -> None:
    _, till = paying_by
    for _ in range(3):
        order = await till.paid_order()
        await till.request_refund(order, 9_980)
        await till.run_timers()
        await till.wait_for_refund(order, "succeeded")


async def test_a_key_that_the_merchant_was_never_given_is_not_believed(till: Till) -> None:
    strange = replace(
        till.resources.account,
        public_keys={"PUB_KEY_ID_099": next(iter(till.resources.account.public_keys.values()))},
        uses_certificates=False,
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        wechat_pay = WeChatPay(strange, http, clock=till.clock.now)
        with pytest.raises(OutcomeUnknown, match="unknown-key"):
            await wechat_pay.transaction((await till.paid_order())["order_number"])
