"""Receivers of shares: who was added before may get something (wechat.md 5.13)."""

from typing import Annotated, Any

from pydantic import Field

from simulator.pay.door import Body, Call, read, unsealed
from simulator.pay.errors import PayError, invalid, wrong_field

MOST_RECEIVERS = 20_000
RELATIONS = (
    "^(SERVICE_PROVIDER|STORE|STAFF|STORE_OWNER|PARTNER|HEADQUARTER|BRAND|DISTRIBUTOR|USER|SUPPLIER|CUSTOM)$"
)
TYPES = "^(MERCHANT_ID|PERSONAL_OPENID)$"


class Receiver(Body):
    """`POST /v3/profitsharing/receivers/delete`, and what it has in common with `add`."""

    appid: Annotated[str, Field(min_length=1, max_length=32)]
    type: Annotated[str, Field(pattern=TYPES)]
    account: Annotated[str, Field(min_length=1, max_length=64)]


class NewReceiver(Receiver):
    """`POST /v3/profitsharing/receivers/add`; the name is sealed."""

    name: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    relation_type: Annotated[str, Field(pattern=RELATIONS)]
    custom_relation: Annotated[str, Field(min_length=1, max_length=10)] | None = None


def add(call: Call) -> dict[str, Any]:
    """Register a receiver; again is fine and keeps the first."""
    asked = read(call, NewReceiver)
    own_appid(call, asked.appid)
    if asked.relation_type == "CUSTOM" and asked.custom_relation is None:
        raise wrong_field("/custom_relation", None, "自定义的分账关系不能为空")
    if asked.type == "MERCHANT_ID" and asked.name is None:
        raise wrong_field("/name", None, "分账接收方全称不能为空")
    name = None if asked.name is None else unsealed(call, "/name", asked.name)
    books = call.platform.books
    if asked.type == "PERSONAL_OPENID" and not books.value(
        "SELECT 1 FROM users WHERE openid = ?", asked.account
    ):
        raise invalid("无效的openid")
    if not is_added(call, asked.type, asked.account):
        if books.value("SELECT count(*) FROM share_receivers") >= MOST_RECEIVERS:
            raise PayError(403, "RULE_LIMIT", "分账接收方数量超限")
        books.insert(
            "share_receivers",
            type=asked.type,
            account=asked.account,
            relation_type=asked.relation_type,
            custom_relation=asked.custom_relation,
            name=name,
            added_at=call.now,
        )
    return asked.model_dump(exclude_none=True, exclude={"appid"})


def delete(call: Call) -> dict[str, Any]:
    """End the relation with a receiver; one that is not there is fine."""
    asked = read(call, Receiver)
    own_appid(call, asked.appid)
    call.platform.books.write(
        "DELETE FROM share_receivers WHERE type = ? AND account = ?", asked.type, asked.account
    )
    return {"type": asked.type, "account": asked.account}


def is_added(call: Call, type_: str, account: str) -> bool:
    """Whether there is a relation with the receiver now."""
    sql = "SELECT 1 FROM share_receivers WHERE type = ? AND account = ?"
    return bool(call.platform.books.value(sql, type_, account))


def own_appid(call: Call, appid: str) -> None:
    """Check that the app is the merchant's; raises the refusal."""
    if appid != call.platform.merchant.appid:
        raise PayError(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配，请检查后再试", inner=268445527)
