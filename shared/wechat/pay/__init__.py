"""WeChat Pay API v3 for a direct merchant: `WeChatPay` and the values and errors it speaks in."""

from shared.wechat.pay.bills import FundFlowRow, TradeRow
from shared.wechat.pay.client import WeChatPay
from shared.wechat.pay.errors import (
    BillNotReady,
    Fault,
    MalformedAnswer,
    NoticeRefused,
    OrderAlreadyPaid,
    OutcomeUnknown,
    WeChatPayError,
    WeChatPayRefused,
)
from shared.wechat.pay.profit_sharing import (
    NewReceiver,
    ReceiverType,
    ReturnResult,
    SaidShare,
    Share,
    ShareOrder,
    ShareResult,
    ShareReturn,
    ShareState,
)
from shared.wechat.pay.settings import PaySettings
from shared.wechat.pay.values import (
    BankCard,
    Notice,
    Refund,
    RefundStatus,
    RequestPayment,
    TradeState,
    Transaction,
)

__all__ = [
    "BankCard",
    "BillNotReady",
    "Fault",
    "FundFlowRow",
    "MalformedAnswer",
    "NewReceiver",
    "Notice",
    "NoticeRefused",
    "OrderAlreadyPaid",
    "OutcomeUnknown",
    "PaySettings",
    "ReceiverType",
    "Refund",
    "RefundStatus",
    "RequestPayment",
    "ReturnResult",
    "SaidShare",
    "Share",
    "ShareOrder",
    "ShareResult",
    "ShareReturn",
    "ShareState",
    "TradeRow",
    "TradeState",
    "Transaction",
    "WeChatPay",
    "WeChatPayError",
    "WeChatPayRefused",
]
