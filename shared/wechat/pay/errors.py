"""What can come of a WeChat Pay call besides its answer (wechat.md 5.12)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import orjson

from shared.wechat.http import Answer

_PAID_CODES = {"ORDERPAID", "ORDER_PAID"}
_PAID_INNER_CODES = {"268449538", "268498689"}
_DEFINITE_500 = {"OPENID_MISMATCH", "INVALID_TRANSACTIONID"}


class WeChatPayError(Exception):
    """Any failure of a WeChat Pay call."""


class OutcomeUnknown(WeChatPayError):
    """The call may or may not have had its effect: query, or repeat it with the same number."""


class MalformedAnswer(OutcomeUnknown):
    """The platform said something this client does not understand."""


class BillDiffers(MalformedAnswer):
    """A downloaded bill is not the file that was announced: its hash differs (wechat.md 5.11)."""


class WeChatPayRefused(WeChatPayError):
    """The platform refused the call for good; `request_id` ends with its inner error code."""

    def __init__(self, status: int, code: str, message: str, *, request_id: str = "") -> None:
        super().__init__(f"{status} {code}: {message} ({request_id})")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id


class OrderAlreadyPaid(WeChatPayRefused):
    """The order is paid: query it and take the payment (wechat.md 5.8)."""


class BillNotReady(WeChatPayRefused):
    """The day's bill is still being made, from 10:00 China time on it is there (wechat.md 5.11)."""


class Fault(StrEnum):
    """What is wrong with an answer or a notice."""

    MISSING_HEADER = "missing-header"
    STALE = "stale"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    MALFORMED = "malformed"
    UNDECRYPTABLE = "undecryptable"


class Unverified(WeChatPayError):
    """The headers do not prove that the platform sent this body (wechat.md 5.3)."""

    def __init__(self, reason: Fault) -> None:
        super().__init__(reason.value)
        self.reason = reason


class NoticeRefused(WeChatPayError):
    """A notice that is not the platform's, or that cannot be opened.

    `status` is what to answer (wechat.md 5.9): 401 when it is not proved to be the platform's, otherwise
    500, so that the platform sends it again after repair.
    """

    def __init__(self, reason: Fault) -> None:
        super().__init__(reason.value)
        self.reason = reason

    @property
    def status(self) -> int:
        return 500 if self.reason in (Fault.MALFORMED, Fault.UNDECRYPTABLE) else 401


def raise_for_failure(answer: Answer) -> None:
    """Return for 200 and 204, which still need their signature checked; raise what anything else means.

    Errors are unsigned, so only one that speaks the platform's JSON counts as a refusal.
    """
    if answer.status in (200, 204):
        return
    error = _error(answer.body)
    code = str(error.get("code", ""))
    definite = 400 <= answer.status < 500 and answer.status not in (408, 429)
    if not code or not (definite or (answer.status == 500 and code in _DEFINITE_500)):
        raise OutcomeUnknown(f"status {answer.status} {code}")
    request_id = answer.headers.get("request-id", "")
    kind = WeChatPayRefused
    if code in _PAID_CODES or request_id.rpartition("-")[2] in _PAID_INNER_CODES:
        kind = OrderAlreadyPaid
    elif code == "STATEMENT_CREATING":
        kind = BillNotReady
    raise kind(answer.status, code, str(error.get("message", "")), request_id=request_id)


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        error = orjson.loads(body)
    except ValueError:
        return {}
    return error if isinstance(error, dict) else {}
