"""The mini-program's server API: `MiniProgram` and the values and errors it speaks in."""

from shared.wechat.mini.client import MiniProgram
from shared.wechat.mini.errors import (
    CodeRefused,
    LoginBlocked,
    NoSubscription,
    PaymentUnknown,
    QuotaExhausted,
    ReuploadUsedUp,
    ShippingAlreadyDone,
    TokenRefused,
    WeChatBusy,
    WeChatError,
    WeChatRefused,
)
from shared.wechat.mini.opening import open_mini_program
from shared.wechat.mini.settings import MiniProgramSettings
from shared.wechat.mini.values import (
    DeliveryMode,
    LogisticsType,
    OrderShipping,
    OrderState,
    Parcel,
    PhoneNumber,
    WeChatLogin,
)
from shared.wechat.mini.wording import fit

__all__ = [
    "CodeRefused",
    "DeliveryMode",
    "LoginBlocked",
    "LogisticsType",
    "MiniProgram",
    "MiniProgramSettings",
    "NoSubscription",
    "OrderShipping",
    "OrderState",
    "Parcel",
    "PaymentUnknown",
    "PhoneNumber",
    "QuotaExhausted",
    "ReuploadUsedUp",
    "ShippingAlreadyDone",
    "TokenRefused",
    "WeChatBusy",
    "WeChatError",
    "WeChatLogin",
    "WeChatRefused",
    "fit",
    "open_mini_program",
]
