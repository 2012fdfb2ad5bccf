"""What a process of the payment service holds beside the common parts: one merchant's WeChat Pay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends

from services.payment.profit_sharing.domain import SharingLimits
from services.payment.settings import Settings
from shared import resources as common
from shared.clock import Clock
from shared.http.services import Exchange
from shared.http.work import own
from shared.resources import Resources
from shared.wechat.http import new_client
from shared.wechat.pay import OutcomeUnknown, PaySettings, WeChatPay

PAYMENT_NOTICES = "/callbacks/wechat-pay/payments"
REFUND_NOTICES = "/callbacks/wechat-pay/refunds"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentResources(Resources):
    """The common parts, the merchant's account, where WeChat Pay posts its notices and where bills lie while read."""

    account: PaySettings
    wechat_pay: WeChatPay
    provider_seconds: float
    payment_notify_url: str
    refund_notify_url: str
    bill_folder: Path
    sharing: SharingLimits

    async def answered(self, call: Awaitable[T]) -> T:
        """What WeChat Pay answers in time; raises OutcomeUnknown when it does not (K17)."""
        try:
            async with asyncio.timeout(self.provider_seconds):
                return await call
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {self.provider_seconds} s") from None


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[PaymentResources]:
    """Open what a process of the payment service needs."""
    account = pay_settings(settings)
    public_url = settings.public_url.rstrip("/")
    async with (
        common.open_resources("payment", settings, clock=clock, exchange=exchange) as opened,
        new_client() as http,
    ):
        yield PaymentResources(
            **opened.common(),
            account=account,
            wechat_pay=WeChatPay(account, http, clock=opened.clock.now),
            provider_seconds=settings.provider_seconds,
            payment_notify_url=public_url + PAYMENT_NOTICES,
            refund_notify_url=public_url + REFUND_NOTICES,
            bill_folder=settings.bill_folder,
            sharing=SharingLimits(
                max_bp=settings.share_max_bp,
                fee_bp=settings.provider_fee_bp,
                unfreeze_after_seconds=settings.unfreeze_after_seconds,
            ),
        )


def pay_settings(settings: Settings) -> PaySettings:
    """The merchant's account as the WeChat Pay client wants it; raises ValueError for an unusable one."""
    return PaySettings(
        mchid=settings.wechat_pay_mchid,
        appid=settings.wechat_appid,
        private_key_pem=settings.wechat_pay_private_key.get_secret_value(),
        serial_no=settings.wechat_pay_serial_no,
        apiv3_key=settings.wechat_pay_apiv3_key.get_secret_value(),
        public_keys=settings.wechat_pay_public_keys,
        uses_certificates=settings.wechat_pay_uses_certificates,
        base_url=settings.wechat_pay_url,
        fallback_url=settings.wechat_pay_fallback_url,
    )


Own = Annotated[PaymentResources, Depends(own)]
"""What an endpoint takes that calls siblings, reads, or opens its own transactions."""
