"""What can come of a mini-program API call besides its answer; no text ever holds a token or a secret."""


class WeChatError(Exception):
    """Any failure of a mini-program API call."""


class WeChatBusy(WeChatError):
    """No definite answer: overload, a minute limit, a timeout, a broken connection. Try again later."""


class WeChatRefused(WeChatError):
    """The platform refused the call for good."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(f"{errcode}: {errmsg}")
        self.errcode = errcode
        self.errmsg = errmsg


class CodeRefused(WeChatRefused):
    """The login or phone code is unknown, expired or used: the client must get a new one (1.1, 1.7)."""


class LoginBlocked(WeChatRefused):
    """The platform holds this person for high-risk: refuse the login in neutral words (1.1)."""


class TokenRefused(WeChatRefused):
    """The access token is not accepted, not even a fresh one (1.5)."""


class QuotaExhausted(WeChatRefused):
    """The daily quota is used up until midnight China time (1.6)."""


class NoSubscription(WeChatRefused):
    """The person has no unused subscription left, or refused: set the ledger to 0, do not retry (2.1)."""


class PaymentUnknown(WeChatRefused):
    """The payment has no shipping record yet: retry after 10 s with growing pauses (4.3)."""


class ShippingAlreadyDone(WeChatRefused):
    """Shipping is complete or unchanged: compare with `order_shipping`, then take it for success (4.3)."""


class ReuploadUsedUp(WeChatRefused):
    """The one change of the shipping report that a payment allows has been made (4.3)."""


_BUSY = {-1, 43108, 44990, 44991, 45011, 10060012, 10060019}

_KINDS: dict[int, type[WeChatRefused]] = {
    40001: TokenRefused,
    40014: TokenRefused,
    41001: TokenRefused,
    42001: TokenRefused,
    40029: CodeRefused,
    40163: CodeRefused,
    40226: LoginBlocked,
    43101: NoSubscription,
    45009: QuotaExhausted,
    10060001: PaymentUnknown,
    10060002: ShippingAlreadyDone,
    10060003: ReuploadUsedUp,
    10060023: ShippingAlreadyDone,
}


def failure(errcode: int, errmsg: str) -> WeChatError:
    """The error that a non-zero errcode stands for (wechat.md 1 to 4)."""
    if errcode in _BUSY:
        return WeChatBusy(f"{errcode}: {errmsg}")
    return _KINDS.get(errcode, WeChatRefused)(errcode, errmsg)
