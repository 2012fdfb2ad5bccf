"""Misbehaviour on demand: rules that say which calls or notices go wrong, how, and how often."""

from collections.abc import Mapping
from itertools import count
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Slow(_Action):
    """Answer after some seconds; with `effect` the work is done first, else last."""

    kind: Literal["delay"]
    seconds: float = Field(ge=0)
    effect: bool = False


class Silent(_Action):
    """Never answer (`hang`) or cut the connection (`reset`), before or after the effect."""

    kind: Literal["hang", "reset"]
    effect: bool = False


class Refusal(_Action):
    """An HTTP error, before or after the effect; without a code the usual one of its status."""

    kind: Literal["error"]
    status: int = Field(ge=400, le=599)
    code: str | None = None
    message: str = "系统异常，请稍后重试"
    effect: bool = False


class Errcode(_Action):
    """A mini-program API error, before or after the effect."""

    kind: Literal["errcode"]
    errcode: int
    errmsg: str = "system error"
    effect: bool = False


class Mangled(_Action):
    """The effect happens and the answer comes, but nobody should believe it; `truncated` stops halfway."""

    kind: Literal[
        "bad_signature",
        "missing_signature",
        "probe_signature",
        "wrong_serial",
        "stale_timestamp",
        "foreign_key",
        "truncated",
    ]


class Postponed(_Action):
    """A notice comes some seconds late."""

    kind: Literal["delay"]
    seconds: float = Field(ge=0)


class Repeated(_Action):
    """A notice is sent several times, one after the other or at once, under one id or under new ones."""

    kind: Literal["duplicate", "concurrent"]
    copies: int = Field(2, ge=2, le=20)
    new_id: bool = False


class Unsent(_Action):
    """A notice is never sent (`lose`), or only after the refund's notice of its order (`out_of_order`)."""

    kind: Literal["lose", "out_of_order"]


class Untrue(_Action):
    """One attempt is forged: signed badly (`forge`), by another key, or a day old (`replay`).

    `probe` sends a WECHATPAY/SIGNTEST/ signature and then the good notice; `foreign_apiv3_key` is unreadable.
    """

    kind: Literal["forge", "probe", "replay", "wrong_serial", "missing_signature", "foreign_apiv3_key"]


class Altered(_Action):
    """One attempt is signed rightly but tells something else about the payment (`value` or a default lie)."""

    kind: Literal["alter"]
    field: Literal["amount", "currency", "mchid", "appid", "payer", "state"]
    value: str | int | None = None


CallAction = Annotated[Slow | Silent | Refusal | Errcode | Mangled, Field(discriminator="kind")]
NoticeAction = Annotated[Postponed | Repeated | Unsent | Untrue | Altered, Field(discriminator="kind")]

CallName = Literal[
    "prepay",
    "query",
    "close",
    "refund",
    "refund_query",
    "abnormal_refund",
    "share",
    "share_query",
    "unfreeze",
    "share_return",
    "share_return_query",
    "share_receiver",
    "unsplit_amount",
    "certificates",
    "bill",
    "bill_download",
    "login",
    "token",
    "phone",
    "message",
    "shipping",
    "shipping_query",
    "trade_managed",
    "delivery_list",
]


class _Match(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    out_trade_no: str | None = None
    out_refund_no: str | None = None
    openid: str | None = None

    def fits(self, facts: Mapping[str, object]) -> bool:
        """Whether every named fact is so."""
        wanted = self.model_dump(exclude_none=True)
        return all(facts.get(name) == value for name, value in wanted.items())


class CallMatch(_Match):
    """Which calls a rule is for; `host` tells the fail-over address from the first one."""

    api: CallName
    host: str | None = None


class NoticeMatch(_Match):
    """Which notices a rule is for."""

    api: Literal["notice"]
    event_type: str | None = None


class CallRule(BaseModel):
    """A call fault, for the next `times` fitting calls."""

    model_config = ConfigDict(extra="forbid")

    match: CallMatch
    times: int = Field(1, ge=1)
    action: CallAction


class NoticeRule(BaseModel):
    """A notice fault, for the next `times` fitting attempts."""

    model_config = ConfigDict(extra="forbid")

    match: NoticeMatch
    times: int = Field(1, ge=1)
    action: NoticeAction


def _family(rule: Any) -> str:
    match = rule.get("match") if isinstance(rule, dict) else None
    return "notice" if isinstance(match, dict) and match.get("api") == "notice" else "call"


Rule = Annotated[
    Annotated[CallRule, Tag("call")] | Annotated[NoticeRule, Tag("notice")], Discriminator(_family)
]


class Faults:
    """The rules in force, first one first. They live as long as the process; the books do not know them."""

    def __init__(self) -> None:
        self._rules: list[tuple[int, CallRule | NoticeRule]] = []
        self._bites: dict[int, int] = {}
        self._numbers = count(1)

    def replace(self, rules: list[CallRule | NoticeRule]) -> None:
        """Forget the rules so far and take these."""
        self._rules = [(next(self._numbers), rule) for rule in rules]
        self._bites = {number: 0 for number, _ in self._rules}

    def shown(self) -> list[dict[str, Any]]:
        """Every rule with how often it bit."""
        return [
            {"id": number, **rule.model_dump(exclude_none=True), "bitten": self._bites[number]}
            for number, rule in self._rules
        ]

    def any(self) -> bool:
        """Whether there is any rule at all."""
        return bool(self._rules)

    def for_call(self, api: str, facts: Mapping[str, object]) -> CallAction | None:
        """What goes wrong with this call, if anything; counts as a bite."""
        for number, rule in self._rules:
            if isinstance(rule, CallRule) and self._bites_now(number, rule, {**facts, "api": api}):
                return rule.action
        return None

    def for_notice(self, facts: Mapping[str, object]) -> NoticeAction | None:
        """What goes wrong with this attempt, if anything; counts as a bite."""
        for number, rule in self._rules:
            if isinstance(rule, NoticeRule) and self._bites_now(number, rule, {**facts, "api": "notice"}):
                return rule.action
        return None

    def _bites_now(self, number: int, rule: CallRule | NoticeRule, facts: Mapping[str, object]) -> bool:
        bites = self._bites[number] < rule.times and rule.match.fits(facts)
        self._bites[number] += bites
        return bites
