"""How the simulator is started: `SIMULATOR_…` environment variables."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

IDLE_SECONDS = 65
"""A connection is kept for longer than any client keeps it, or a call may meet its end."""


class SimulatorSettings(BaseSettings):
    """Where it listens, where its books and keys are, and the rules it starts with."""

    model_config = SettingsConfigDict(env_prefix="SIMULATOR_", frozen=True)

    host: str = "127.0.0.1"
    port: int = 8190
    folder: Path = Path(".jishi/simulator")
    """Keys, `merchant.json` and the books; made on the first start."""
    public_url: str = ""
    """How the shop reaches the simulator, for bill download links; empty means http://host:port."""

    @property
    def base_url(self) -> str:
        """The address that goes into bill download links."""
        return self.public_url or f"http://{self.host}:{self.port}"


class BillDamage(BaseModel):
    """One row that a bill gets wrong: `number` is the merchant's number of the trade, or of a movement's voucher.

    Left out; one fen too high; in another state, or of an unknown business; not an amount; twice; or made up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bill: Literal["trade", "fund"] = "trade"
    kind: Literal["omit", "misstate", "restate", "garble", "repeat", "invent"]
    number: str


class Rules(BaseModel):
    """The platform's numbers that a test or an operator may change while it runs (`PUT /_control/rules`)."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    refund_settles_as: str = Field("SUCCESS", pattern="^(SUCCESS|ABNORMAL|CLOSED)$")
    refund_settles_after_seconds: float | None = Field(1.0, ge=0)
    """None leaves every refund PROCESSING until the control API settles it."""
    refund_interval_seconds: float = Field(60.0, ge=0)
    """The least time between partial refunds of one order (wechat.md 5.10)."""
    shipping_known_after_seconds: float = Field(1.0, ge=0)
    """How long after a payment shipping still answers 10060001 (wechat.md 4.3)."""
    settlement_after_seconds: float = Field(5.0, ge=0)
    """How long after a confirmed receipt the money is settled."""
    order_known_after_seconds: float = Field(0.0, ge=0)
    """How long after the prepay call queries still answer 404 (wechat.md 5.18)."""
    logins_per_minute: int = Field(100, ge=1)
    """Above this a user's logins answer 45011 (wechat.md 1.1)."""
    session_key_rotation_percent: int = Field(0, ge=0, le=100)
    """How often a new login replaces the user's session key (wechat.md 1.2)."""
    ip_whitelist: tuple[str, ...] = ()
    """Callers that may fetch access tokens; empty lets everybody (wechat.md 1.5, 40164)."""
    fee_bp: int = Field(60, ge=0, le=1000)
    """WeChat Pay's fee on payments, in basis points; given back pro rata with refunds."""
    bill_damages: tuple[BillDamage, ...] = ()
    """What bills get wrong, to test a shop's reconciliation."""
    bill_summary_differs_by_fen: int = 0
    """By how much the trade bill's summary differs from its rows."""
    bill_hash_is_wrong: bool = False
    """Whether bills are announced with the hash of another file."""
    bill_link_seconds: float = Field(300.0, ge=0)
    """How long a bill's download link lives (wechat.md 5.11)."""
    bill_day_ends_early_seconds: float = Field(0.0, ge=0)
    """How long before midnight what happens is billed on the next day already."""
    share_max_bp: int = Field(3000, ge=0, le=10_000)
    """How much of an order may be shared, in basis points (wechat.md 5.13)."""
    share_possible_after_seconds: float = Field(60.0, ge=0)
    """How long after a payment nothing can be shared of it yet."""
    share_settles_after_seconds: float = Field(1.0, ge=0)
    """How long shares, unfreezings and returns stay PROCESSING."""
    share_fails_for: dict[str, str] = {}
    """The accounts that get no share, with the ``fail_reason`` told (wechat.md 5.13)."""
    share_return_fails_as: str | None = Field(
        None, pattern="^(ACCOUNT_ABNORMAL|BALANCE_NOT_ENOUGH|TIME_OUT_CLOSED)$"
    )
    """Why returns of shares fail; None lets them succeed."""
    trade_managed: bool = True
    """Whether the app's orders are under shipping management (wechat.md 4)."""
    collection_restricted: bool = False
    """Whether new orders are refused with 403 NO_AUTH (wechat.md 6)."""
