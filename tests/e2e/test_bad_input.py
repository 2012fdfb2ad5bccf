"""Bad input through the gateway: each is told what is wrong, and nothing changed (section 4.F, SEC6, SEC9)."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from docs.openapi import merged_openapi
from gateway.app import Gateway
from shared.database import reading
from shared.ids import new_id
from tests.e2e.payloads import carriers
from tests.e2e.people import ADDRESS, Person, Street, open_street
from tests.support.shop import Shop, open_shop
from tests.support.wechat import WeChat

KEEPERS = ("gateway", "catalog", "order", "payment", "member", "campaign")
# What moves by itself, and what is written of refusals on purpose.
MOVING = {
    "inbox",
    "ledger_seals",  # made every few seconds, as is the journals' column that names them
    "carried_balances",
    "outbox",
    "rate_limits",
    "timers",
    "stalled_events",
    "search_queries",
    "suggestion_terms",
    "security_events",
}
KIB = 1024


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def street(wechat: WeChat) -> AsyncIterator[Street]:
    """A shop of these tests' own: they leave strange things behind."""
    async with open_shop(wechat) as shop:
        yield await open_street(shop)


async def books(shop: Shop, *, but: frozenset[str] = frozenset()) -> dict[str, tuple[int, int]]:
    """How many rows each table has, and a hash of all of them."""
    await shop.platform.settle()
    found: dict[str, tuple[int, int]] = {}
    for service in KEEPERS:
        async with reading(shop.platform.resources[service].engine) as connection:
            tables = (await connection.execute(text("SELECT relname FROM pg_stat_user_tables"))).scalars()
            for table in sorted(set(tables) - MOVING - but):
                rows = await connection.execute(
                    text(
                        "SELECT count(*), coalesce(sum(hashtextextended((to_jsonb(t) - 'seal_number')::text, 0)), 0)"
                        f' FROM "{table}" AS t'
                    )
                )
                count, hash_ = rows.one()
                found[f"{service}.{table}"] = int(count), int(hash_)
    return found


@asynccontextmanager
async def nothing_changes(street: Street, *, but: tuple[str, ...] = ()) -> AsyncIterator[None]:
    """What is done meanwhile leaves every table as it was, but for those named."""
    before = await books(street.shop, but=frozenset(but))
    yield
    after = await books(street.shop, but=frozenset(but))
    assert {table for table in before if before[table] != after[table]} == set()


def problem(answer: httpx.Response, status: int, slug: str | None = None) -> dict[str, Any]:
    """The answer's problem, which it must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    if slug is not None:
        assert found["type"] == f"/problems/{slug}"
    return found


def lines(sku_id: str, quantity: Any = 1) -> dict[str, Any]:
    return {"lines": [{"sku_id": sku_id, "quantity": quantity}]}


async def fingerprint(customer: Person, wish: dict[str, Any]) -> dict[str, Any]:
    quote = await customer.must("POST", "/checkout/preview", wish)
    return {"quote_fingerprint": quote["quote_fingerprint"]}


# Who asks


async def test_codes_that_wechat_does_not_know_or_has_seen_log_nobody_in(street: Street) -> None:
    code = await street.shop.wechat.login_code(await street.shop.wechat.user())
    await street.nobody.must("POST", "/auth/wechat/login", {"code": code})
    async with nothing_changes(street):
        for bad in (code, "never-given", "'OR'1=1;--", "x" * 128):
            answer = await street.nobody.ask("POST", "/auth/wechat/login", {"code": bad})
            problem(answer, 401, "member/login-code-refused")
        for body in (
            {},
            {"code": ""},
            {"code": None},
            {"code": 1},
            {"code": "x" * 129},
            {"code": "a", "openid": "b"},
        ):
            problem(await street.nobody.ask("POST", "/auth/wechat/login", body), 422)


async def test_an_ended_login_orders_nothing(street: Street) -> None:
    customer, sku = await street.customer(), await street.sku()
    wish = lines(sku["sku_id"])
    wish |= await fingerprint(customer, wish)
    await customer.must("POST", "/auth/logout")
    async with nothing_changes(street):
        for token in (customer.token, "x", "null", f"{customer.token}x"):
            problem(await Person(street.shop, token).ask("POST", "/orders", wish), 401, "unauthenticated")


# How many, and what is not the client's to say


@pytest.mark.parametrize(
    "quantity",
    [
        "0",
        "-1",
        "1.5",
        "1.0",
        '"1"',
        '"１"',
        "true",
        "9223372036854775808",
        "1e2",
        "null",
        "10000",
        "[]",
        "{}",
    ],
)
async def test_a_quantity_is_a_whole_number_from_1_to_9999(street: Street, quantity: str) -> None:
    customer, sku = await street.customer(), await street.sku()
    sku_id = sku["sku_id"]
    wish = f'{{"lines": [{{"sku_id": "{sku_id}", "quantity": {quantity}}}]'
    requests = [
        ("PUT", f"/cart/lines/{sku_id}", f'{{"quantity": {quantity}}}'),
        ("POST", "/checkout/preview", wish + "}"),
        ("POST", "/orders", wish + ', "quote_fingerprint": "' + "0" * 64 + '"}'),
    ]
    async with nothing_changes(street):
        for method, path, body in requests:
            answer = await customer.ask(
                method, path, content=body.encode(), headers={"content-type": "application/json"}
            )
            problem(answer, 422, "invalid-request")


@pytest.mark.parametrize(
    "field",
    [
        "price_fen",
        "unit_price_fen",
        "payable_fen",
        "discount_fen",
        "freight_fen",
        "balance",
        "points",
        "status",
        "paid",
        "user_id",
        "member_id",
        "wechat_openid",
        "level",
        "role",
        "roles",
    ],
)
async def test_what_the_shop_decides_cannot_be_sent(street: Street, field: str) -> None:
    customer, sku = await street.customer(), await street.sku()
    wish = lines(sku["sku_id"])
    forged = {"lines": [wish["lines"][0] | {field: 1}]}
    agreed = await fingerprint(customer, wish)
    address = (await customer.must("GET", "/me/addresses"))["items"][0]["address_id"]
    requests: list[tuple[str, str, Any]] = [
        ("PUT", f"/cart/lines/{sku['sku_id']}", {"quantity": 1, field: 1}),
        ("POST", "/checkout/preview", wish | {field: 1}),
        ("POST", "/checkout/preview", forged),
        ("POST", "/orders", wish | agreed | {field: 1}),
        ("POST", "/orders", forged | agreed),
        ("PATCH", "/me", {"nickname": "小明", field: 1}),
        ("POST", "/me/addresses", ADDRESS | {field: 1}),
        ("PATCH", f"/me/addresses/{address}", {"street": "路", field: 1}),
    ]
    async with nothing_changes(street):
        for method, path, body in requests:
            problem(await customer.ask(method, path, body), 422, "invalid-request")


# What is not there, not left, not theirs, or not what it was


async def test_coupons_that_are_held_or_used_pay_nothing(street: Street) -> None:
    customer, sku = await street.customer(), await street.sku()
    coupon_id = await street.coupon(customer)
    order = await street.order(customer, sku["sku_id"], coupon_id=coupon_id)
    wish = lines(sku["sku_id"]) | {"coupon_id": coupon_id}

    async def refused() -> dict[str, Any]:
        agreed = await fingerprint(customer, wish)
        async with nothing_changes(street):
            return problem(
                await customer.ask("POST", "/orders", wish | agreed), 409, "order/coupon-not-usable"
            )

    assert (await refused())["reason"] == "locked"
    paying = await customer.must("POST", f"/orders/{order['order_id']}/pay")
    await street.shop.wechat.pay(order["order_number"], paying["request_payment"])
    await _until_paid(street, customer, order["order_id"])
    assert (await refused())["reason"] == "used"


async def test_points_beyond_the_balance_pay_nothing(street: Street) -> None:
    customer, sku = await street.customer(points=100), await street.sku(price_fen=100_000)
    wish = lines(sku["sku_id"]) | {"use_points": 1_000}
    agreed = await fingerprint(customer, wish)
    async with nothing_changes(street):
        problem(await customer.ask("POST", "/orders", wish | agreed), 409, "order/points-not-usable")
        for points in (-1, 1.5, "1", True, 2**63, None):
            bad = wish | agreed | {"use_points": points}
            problem(await customer.ask("POST", "/orders", bad), 422)


async def test_more_than_there_is_cannot_be_ordered_and_the_buyer_hears_what_is_left(street: Street) -> None:
    customer, sku = await street.customer(points=100), await street.sku(stock=2)
    wish = lines(sku["sku_id"], 3)
    agreed = await fingerprint(customer, wish)
    # The attempt is kept as a closed order, so that the same key is told the same.
    kept = ("orders", "order_lines", "order_history", "reservations", "reservation_lines", "points_holds")
    async with nothing_changes(street, but=(*kept, "coupon_locks")):
        found = problem(
            await customer.ask("POST", "/orders", wish | agreed), 409, "catalog/insufficient-stock"
        )
        assert found["items"] == [{"sku_id": sku["sku_id"], "wanted": 3, "available": 2}]
    assert [order["status"] for order in (await customer.must("GET", "/orders"))["items"]] in ([], ["closed"])
    await street.order(customer, sku["sku_id"], 2)


async def test_a_price_that_changed_is_told_before_anything_is_held(street: Street) -> None:
    customer, sku = await street.customer(), await street.sku(price_fen=1_000)
    wish = lines(sku["sku_id"])
    agreed = await fingerprint(customer, wish)
    await street.owner.must(
        "PUT",
        f"/operator/products/{sku['product_id']}/skus/{sku['sku_code']}",
        {"options": {"款式": "唯一"}, "price_fen": 1_500},
    )
    async with nothing_changes(street):
        found = problem(await customer.ask("POST", "/orders", wish | agreed), 409, "order/price-changed")
    assert found["quote"]["goods_fen"] == 1_500
    again = wish | {"quote_fingerprint": found["quote"]["quote_fingerprint"]}
    assert (await customer.must("POST", "/orders", again))["payable_fen"] == found["quote"]["payable_fen"]


async def test_ids_of_nothing_and_of_the_wrong_form_are_told_apart(street: Street) -> None:
    customer = await street.customer()
    async with nothing_changes(street):
        for method, template in [
            ("GET", "/orders/{}"),
            ("POST", "/orders/{}/pay"),
            ("POST", "/orders/{}/cancel"),
            ("GET", "/products/{}"),
            ("DELETE", "/me/addresses/{}"),
            ("POST", "/coupon-templates/{}/claim"),
        ]:
            problem(await customer.ask(method, template.format(new_id())), 404, "not-found")
            for bad in ("1", "x", "00000000", "%27%20OR%201=1"):
                problem(await customer.ask(method, template.format(bad)), 422)
        problem(await customer.ask("POST", "/checkout/preview", lines("1")), 422)
        agreed = lines(str(new_id())) | {"quote_fingerprint": "0" * 64}
        problem(await customer.ask("POST", "/orders", agreed), 409)


# What claims to come from WeChat


async def _until_paid(street: Street, customer: Person, order_id: str) -> None:
    async with asyncio.timeout(20):
        while (await customer.must("GET", f"/orders/{order_id}"))["status"] != "paid":
            await asyncio.sleep(0.05)
    await street.shop.platform.settle()


async def _alarms(street: Street) -> int:
    async with reading(street.shop.platform.resources["payment"].engine) as connection:
        return int((await connection.execute(text("SELECT count(*) FROM security_events"))).scalar_one())


async def test_notices_that_are_forged_or_replayed_move_nothing_and_are_noted(street: Street) -> None:
    customer, sku = await street.customer(), await street.sku()
    order = await street.order(customer, sku["sku_id"])
    paying = await customer.must("POST", f"/orders/{order['order_id']}/pay")
    send = f"/notices/{order['order_number']}/send"
    alarms = await _alarms(street)
    async with nothing_changes(street, but=("payments",)):
        for variant in ("forge", "replay", "wrong_serial", "missing_signature", "foreign_key"):
            told = (await street.shop.wechat.control.post(send, json={"variant": variant})).json()
            assert told["status"] == 401, (variant, told)
        forged = {
            "id": "1",
            "event_type": "TRANSACTION.SUCCESS",
            "resource": {"out_trade_no": order["order_number"]},
        }
        for path in (
            "/callbacks/wechat-pay/payments",
            "/callbacks/wechat-pay/refunds",
            "/callbacks/logistics",
        ):
            answer = await customer.ask("POST", path, forged)
            assert answer.status_code in (401, 422), answer.text
    assert await _alarms(street) >= alarms + 7
    assert (await customer.must("GET", f"/orders/{order['order_id']}"))["status"] == "pending_pay"
    await street.shop.wechat.pay(order["order_number"], paying["request_payment"])
    await _until_paid(street, customer, order["order_id"])
    async with nothing_changes(street):
        for _ in range(3):
            told = (await street.shop.wechat.control.post(send, json={})).json()
            assert told["status"] == 204


# JSON that is no JSON of ours


def nested(depth: int) -> bytes:
    return b'{"recipient": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


BAD_JSON = {
    "nothing": b"",
    "not json": b"recipient=1",
    "cut off": b'{"recipient": "a"',
    "trailing": b'{"recipient": "a"} x',
    "list": b"[]",
    "null": b"null",
    "string": b'"a"',
    "33 deep": nested(33),
    "100000 deep": nested(100_000),
    "NaN": b'{"recipient": NaN}',
    "Infinity": b'{"recipient": -Infinity}',
    "repeated key": json.dumps(ADDRESS).encode()[:-1] + b', "phone": "13900139000"}',
    "10^5 digits": b'{"recipient": ' + b"9" * 100_000 + b"}",
    "10^5 decimals": b'{"recipient": 0.' + b"9" * 100_000 + b"}",
    "huge exponent": b'{"recipient": 1e999999}',
    "lone surrogate": json.dumps(ADDRESS | {"recipient": "\ud800"}).encode(),
    "not utf-8": b'{"recipient": "\xff\xfe"}',
    "utf-16": json.dumps(ADDRESS).encode("utf-16"),
    "only controls": json.dumps(ADDRESS | {"recipient": "\u0000\u200b\u202e"}).encode(),
    "too long": json.dumps(ADDRESS | {"recipient": "长" * 300}).encode(),
    "bare control": b'{"recipient": "a\x00b"}',
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON.keys())
async def test_json_that_is_not_ours_is_refused(street: Street, body: bytes) -> None:
    customer = await street.customer()
    headers = {"content-type": "application/json"}
    async with nothing_changes(street):
        for method, path in (("POST", "/me/addresses"), ("POST", "/orders"), ("POST", "/checkout/preview")):
            if body == b"" and path == "/checkout/preview":
                continue
            problem(await customer.ask(method, path, content=body, headers=headers), 422)
        answer = await street.owner.ask("POST", "/operator/categories", content=body, headers=headers)
        problem(answer, 422)


async def test_json_of_256_kib_passes_and_one_byte_more_does_not(street: Street) -> None:
    customer = await street.customer()
    headers = {"content-type": "application/json"}
    async with nothing_changes(street):
        for size, status in ((256 * KIB, 422), (256 * KIB + 1, 413)):
            body = b'{"recipient": "' + b"x" * (size - 17) + b'"}'
            assert len(body) == size
            problem(await customer.ask("POST", "/me/addresses", content=body, headers=headers), status)


async def test_texts_lose_what_cannot_be_seen_and_keep_what_can(street: Street) -> None:
    customer = await street.customer()
    sent = ADDRESS | {"recipient": " 王\u200b小\u202e明\ufeff１号\u0000 "}
    added = await customer.must("POST", "/me/addresses", sent)
    found = [
        each
        for each in (await customer.must("GET", "/me/addresses"))["items"]
        if each["address_id"] == added["address_id"]
    ]
    assert found[0]["recipient"] == "王小明1号"


async def test_bodies_in_other_clothes_are_no_json(street: Street) -> None:
    customer = await street.customer()
    body = json.dumps(ADDRESS).encode()
    async with nothing_changes(street):
        for headers in (
            {"content-type": "text/plain"},
            {"content-type": "application/x-www-form-urlencoded"},
            {"content-type": "application/json", "content-encoding": "gzip"},
        ):
            wrapped = b"\x1f\x8b" + body if "content-encoding" in headers else body
            answer = await customer.ask("POST", "/me/addresses", content=wrapped, headers=headers)
            assert answer.status_code in (415, 422), answer.text


# Everything at everything


async def test_hostile_texts_anywhere_break_nothing(street: Street) -> None:
    apps: dict[str, FastAPI] = {}
    for service, app in street.shop.platform.apps.items():
        found = app.own if isinstance(app, Gateway) else app
        assert isinstance(found, FastAPI)
        apps[service] = found
    document = json.loads(merged_openapi(apps))
    customer = await street.customer()
    version = (await customer.must("GET", "/privacy-agreement"))["version"]
    for purpose in ("privacy", "phone"):
        await customer.must("POST", "/me/consents", {"purpose": purpose, "version": version})
    sku = await street.sku(stock=1_000)
    product = await street.owner.must("GET", f"/operator/products/{sku['product_id']}")
    order = await street.order(customer, sku["sku_id"])
    address = (await customer.must("GET", "/me/addresses"))["items"][0]
    known = {
        "sku_id": sku["sku_id"],
        "sku_code": sku["sku_code"],
        "product_id": sku["product_id"],
        "category_id": product["category_id"],
        "parent_id": product["category_id"],
        "order_id": order["order_id"],
        "member_id": customer.id,
        "address_id": address["address_id"],
    }
    broken: list[str] = []
    statuses: Counter[int] = Counter()
    waiting = [each for each in carriers(document, known) if "/auth/" not in each.target]
    assert len(waiting) > 1_000

    async def send_some() -> None:
        while waiting:
            carrier = waiting.pop()
            person = street.owner if carrier.target.startswith("/operator/") else customer
            headers = {"content-type": "application/json"} if carrier.body is not None else {}
            answer = await person.ask(carrier.method, carrier.target, content=carrier.body, headers=headers)
            statuses[answer.status_code] += 1
            if answer.status_code >= 500 or answer.status_code in (401, 403):
                broken.append(f"{answer.status_code} {carrier}: {answer.text[:200]}")

    await asyncio.gather(*(send_some() for _ in range(4)))
    assert broken == []
    assert statuses[200] + statuses[201] > 200, "too few requests were good but for their texts"
    assert (await street.nobody.ask("GET", "/products")).status_code == 200
