"""Personal data, consents, the operators' log, and the clock (V1-V6)."""

import re
from collections.abc import AsyncIterator, Callable

import orjson

from audit.books import Books, Row, in_scope
from audit.clause import Clause, Finding, Group, Kind, NotChecked, finding, sql
from deploy.layout import PACKAGES, SERVICES
from shared.audit_log import chain_hash
from shared.crypto import FieldKeys, Undecryptable

_BEFORE, _AFTER = "(^|[^0-9A-Za-z_.-])", "($|[^0-9A-Za-z_.-])"
_PHONE = "(\\+?86)?1[3-9][0-9]{9}"
_ID_CARD = "[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]"
_BANK_CARD = "62[0-9]{14,17}"
PERSONAL = f"{_BEFORE}({_PHONE}|{_ID_CARD}|{_BANK_CARD}){_AFTER}"
"""A phone, an identity card or a bank card that stands by itself, as PostgreSQL and Python read it."""

_TEXTS = {
    "outbox": ("event_id", "envelope", "event_id > :through"),
    "stalled_events": ("event_id", "envelope || coalesce(reason, '')", "true"),
    "timers": ("kind || ' ' || key", "payload::text || coalesce(last_error, '')", "true"),
}
_OWN_TEXTS = {
    "order": {
        "orders": ("id", "price_request::text || quote::text || coalesce(refusal::text, '')", in_scope("id")),
        "refunds": ("id", "reason || coalesce(failure_reason, '')", in_scope("order_id")),
    },
    "payment": {
        "payments": ("payment_id", "description", in_scope("order_id")),
        "refunds": ("refund_id", "reason || coalesce(failure, '')", in_scope("order_id")),
    },
    "member": {"points_transfers": ("id", "coalesce(reason, '')", "id > :through")},
    "analytics": {
        "fact_buffer": ("event_id", "fact", "true"),
        "quarantined_events": ("id", "detail || coalesce(event, '')", "true"),
    },
}


async def _patterns(books: Books) -> AsyncIterator[Finding]:
    for service in SERVICES:
        for table, (key, text, condition) in (_TEXTS | _OWN_TEXTS.get(service, {})).items():
            query = (
                f"SELECT ({key})::text AS key, {text} AS text FROM {table}"
                f" WHERE {condition} AND ({text}) ~ '{PERSONAL}'"
            )
            async for row in books.rows(service, query):
                if (what := _personal(row["text"])) is not None:
                    yield finding(
                        "V1", "no personal data", what, service=service, table=table, key=row["key"]
                    )


def _personal(text: str) -> str | None:
    """What kind of personal data a text holds; a card only with a right check digit."""
    for match in re.finditer(PERSONAL, text):
        number = match[2]
        if re.fullmatch(_PHONE, number):
            return "a phone number"
        if re.fullmatch(_ID_CARD, number) and _is_id_card(number.upper()):
            return "an identity card number"
        if re.fullmatch(_BANK_CARD, number) and _is_bank_card(number):
            return "a bank card number"
    return None


def _is_id_card(number: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(n) * w for n, w in zip(number, weights, strict=False)) % 11] == number[17]


def _is_bank_card(number: str) -> bool:
    doubled = (int(n) * (1 + at % 2) for at, n in enumerate(reversed(number)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


V1 = Clause(
    "V1",
    Kind.ALWAYS,
    "no phone, identity card or bank card number outside sealed columns: events, orders, reasons, timers, facts",
    SERVICES,
    _patterns,
    Group.EVENTS,
)

_SAMPLES = 200
_SEALED: tuple[tuple[str, str, str, Callable[[Row], str]], ...] = (
    (
        "member",
        "phones",
        "SELECT member_id AS key, phone_sealed AS sealed, phone_index FROM phones",
        lambda row: f"phones|phone_sealed|{row['key']}",
    ),
    (
        "member",
        "addresses",
        "SELECT id AS key, details_sealed AS sealed FROM addresses",
        lambda row: f"addresses|details_sealed|{row['key']}",
    ),
    (
        "member",
        "wechat_identities",
        "SELECT appid || ':' || openid AS key, session_key_sealed AS sealed FROM wechat_identities",
        lambda row: f"wechat_identities|session_key_sealed|{row['key']}",
    ),
    (
        "order",
        "orders",
        f"SELECT id AS key, address_sealed AS sealed FROM orders WHERE {in_scope('id')}",
        lambda row: f"orders|address_sealed|{row['key']}",
    ),
)


async def _sealed(books: Books) -> AsyncIterator[Finding]:
    if missing := {"member", "order"} - books.field_keys.keys():
        raise NotChecked(f"the field keys of {' and '.join(sorted(missing))} are not here")
    for service, table, query, place in _SEALED:
        keys = books.field_keys[service]
        unknown = f"SELECT * FROM ({query}) s WHERE substring(sealed FROM '^v1[.][^.]+') <> ALL(:known)"
        async for row in books.rows(service, unknown, known=[f"v1.{name}" for name in keys.keys]):
            yield finding(
                "V2", "sealed with a known key", row["sealed"][:12], table=table, key=_told(table, row)
            )
        newest = f"SELECT * FROM ({query}) s ORDER BY md5(sealed) LIMIT {_SAMPLES}"
        async for row in books.rows(service, newest):
            if (wrong := _does_not_open(keys, row, place(row))) is not None:
                yield finding(
                    "V2", "opens, and is found by its index", wrong, table=table, key=_told(table, row)
                )


def _told(table: str, row: Row) -> str:
    return "of an identity" if table == "wechat_identities" else str(row["key"])


def _does_not_open(keys: FieldKeys, row: Row, place: str) -> str | None:
    if row["sealed"].split(".")[1] not in keys.keys:
        return None
    try:
        text = keys.open(row["sealed"], place=place)
    except Undecryptable:
        return "does not open"
    if "phone_index" in row.keys() and keys.blind_index(text) != row["phone_index"]:  # noqa: SIM118
        return "the blind index is another phone's"
    return None


V2 = Clause(
    "V2",
    Kind.ALWAYS,
    f"sealed fields name known keys; {_SAMPLES} samples of each open in their place; blind indexes match",
    ("member", "order"),
    _sealed,
    Group.ORDERS,
)

V3 = sql(
    "V3",
    Kind.ALWAYS,
    "who has a phone gave consent for it before, and has not withdrawn it",
    "member",
    """SELECT p.member_id, format('consent given before %s', p.bound_at) AS expected,
        coalesce(format('%s at %s', c.action, c.at), 'no consent') AS found
      FROM phones p LEFT JOIN LATERAL (
        SELECT action, at, (SELECT min(at) FROM consents WHERE member_id = p.member_id AND purpose = 'phone'
                               AND action = 'given') AS first_given_at
          FROM consents WHERE member_id = p.member_id AND purpose = 'phone' ORDER BY position DESC LIMIT 1) c ON true
     WHERE c.action IS DISTINCT FROM 'given' OR c.first_given_at > p.bound_at""",
)


async def _erased(books: Books) -> AsyncIterator[Finding]:
    raise NotChecked("members cannot be erased yet")
    yield


V4 = Clause("V4", Kind.REST, "erased members leave no personal data", (), _erased)

_ENTRIES = """
    SELECT position, id, at, actor_id, actor_roles, action, subject, before, after, previous_hash, hash
      FROM audit_log WHERE position > :position ORDER BY position"""


async def _chain(books: Books) -> AsyncIterator[Finding]:
    carried = dict(books.position.carried)
    for service in PACKAGES:
        position, previous = carried.get(service, (0, ""))
        async for row in books.rows(service, _ENTRIES, position=position):
            if row["previous_hash"] != previous or row["hash"] != _hash_of(row):
                yield finding(
                    "V5.chain",
                    "the hash of what it says after its predecessor",
                    row["hash"],
                    service=service,
                    position=row["position"],
                )
                break
            position, previous = row["position"], row["hash"]
        carried[service] = (position, previous)
    books.learned["carried"] = carried


def _hash_of(row: Row) -> str:
    return chain_hash(
        row["previous_hash"],
        {
            "id": str(row["id"]),
            "at": row["at"].isoformat(),
            "actor_id": str(row["actor_id"]) if row["actor_id"] else None,
            "actor_roles": row["actor_roles"],
            "action": row["action"],
            "subject": row["subject"],
            "before": orjson.loads(row["before"]) if row["before"] else None,
            "after": orjson.loads(row["after"]) if row["after"] else None,
        },
    )


V5_CHAIN = Clause(
    "V5.chain",
    Kind.ALWAYS,
    "the hash chain of every audit log verifies, so no entry was changed or taken out",
    tuple(PACKAGES),
    _chain,
    Group.AUDIT_LOG,
)

_UNRECORDED = {
    "catalog": """
        SELECT 'sku/' || m.sku_id AS subject, format('%s × stock.adjust', m.many) AS expected,
               format('%s in the audit log', coalesce(l.many, 0)) AS found
          FROM (SELECT sku_id, count(*) AS many FROM stock_movements WHERE kind = 'adjust' GROUP BY 1) m
          LEFT JOIN (SELECT subject, count(*) AS many FROM audit_log WHERE action = 'stock.adjust' GROUP BY 1) l
            ON l.subject = 'sku/' || m.sku_id WHERE m.many IS DISTINCT FROM l.many""",
    "member": """
        SELECT 'member/' || t.member_id AS subject, format('points.adjust with adjustment %s', t.source_id) AS expected,
               'not in the audit log' AS found
          FROM points_transfers t WHERE t.source_type = 'adjustment' AND t.kind IN ('grant', 'deduct')
           AND NOT EXISTS (SELECT FROM audit_log l WHERE l.action = 'points.adjust'
             AND l.subject = 'member/' || t.member_id AND l.after ->> 'adjustment_id' = t.source_id)""",
}


async def _recorded(books: Books) -> AsyncIterator[Finding]:
    for service, query in _UNRECORDED.items():
        async for row in books.rows(service, query):
            yield finding(
                "V5.recorded", row["expected"], row["found"], service=service, subject=row["subject"]
            )


V5_RECORDED = Clause(
    "V5.recorded",
    Kind.ALWAYS,
    "operators' changes of stock and points are in the audit log",
    tuple(_UNRECORDED),
    _recorded,
)

_IN_FUTURE = {
    "order": (
        f"SELECT id::text AS key, greatest(placed_at, paid_at, shipped_at, completed_at, closed_at) AS at FROM orders"
        f" WHERE {in_scope('id')} AND greatest(placed_at, paid_at, shipped_at, completed_at, closed_at) > :soon"
    ),
    "payment": (
        f"SELECT payment_id::text AS key, greatest(opened_at, paid_at, closed_at) AS at FROM payments"
        f" WHERE {in_scope('order_id')} AND greatest(opened_at, paid_at, closed_at) > :soon"
    ),
    "member": "SELECT id::text AS key, at FROM points_transfers WHERE id > :through AND at > :soon",
    "campaign": (
        "SELECT id::text AS key, claimed_at AS at FROM coupons WHERE id > :through AND claimed_at > :soon"
    ),
    "catalog": (
        f"SELECT order_id::text AS key, greatest(held_at, ended_at) AS at FROM reservations"
        f" WHERE {in_scope('order_id')} AND greatest(held_at, ended_at) > :soon"
    ),
}
_OUT_OF_ORDER = f"""
    SELECT id AS order_id, placed_at, paid_at, shipped_at, completed_at, closed_at FROM orders
     WHERE {in_scope("id")} AND (paid_at < placed_at OR shipped_at < coalesce(paid_at, 'infinity')
        OR completed_at < coalesce(shipped_at, 'infinity') OR closed_at < placed_at)"""


async def _times(books: Books) -> AsyncIterator[Finding]:
    soon = (await books.all("order", "SELECT :now::timestamptz + interval '5 minutes' AS soon"))[0]["soon"]
    for service, query in _IN_FUTURE.items():
        async for row in books.rows(service, query, soon=soon):
            yield finding("V6", f"not after {soon}", row["at"], service=service, key=row["key"])
    async for row in books.rows("order", _OUT_OF_ORDER):
        told = ", ".join(f"{name} {value}" for name, value in list(row.items())[1:] if value is not None)
        yield finding("V6", "placed ≤ paid ≤ shipped ≤ completed", told, order_id=row["order_id"])


V6 = Clause(
    "V6",
    Kind.ALWAYS,
    "nothing happened more than 5 minutes from now; placed ≤ paid ≤ shipped ≤ completed",
    tuple(_IN_FUTURE),
    _times,
    Group.ORDERS,
)

CLAUSES = (V1, V2, V3, V4, V5_CHAIN, V5_RECORDED, V6)
