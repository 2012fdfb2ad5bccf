"""The tables of facts, as data. Every row has an ``event_id`` that is its own alone; rows are added, never changed.

Instants are UTC with milliseconds, money is integer fen, a missing text is empty. Sorting keys end in ``event_id``, so that
the engine itself folds equal rows together when it merges parts.
"""

from dataclasses import dataclass

Column = tuple[str, str]

INSTANT = "DateTime64(3, 'UTC')"
WORD = "LowCardinality(String)"


@dataclass(frozen=True, slots=True)
class FactTable:
    """A table of facts: its columns, the instant it is partitioned by, its sorting key, and what spreads it over shards."""

    name: str
    columns: tuple[Column, ...]
    instant: str
    order_by: tuple[str, ...]
    shard_by: str


BEHAVIOUR_EVENTS = FactTable(
    "behaviour_events",
    (
        ("event_id", "UUID"),
        ("event", WORD),
        ("source", WORD),
        ("schema_version", "UInt16"),
        ("ts", INSTANT),
        ("occurred_at", INSTANT),
        ("received_at", INSTANT),
        ("late", "Bool"),
        ("is_internal", "Bool"),
        ("seq", "UInt32"),
        ("anon_id", "Nullable(UUID)"),
        ("member_id", "Nullable(UUID)"),
        ("session_id", "Nullable(UUID)"),
        ("app", WORD),
        ("app_version", WORD),
        ("page", WORD),
        ("ref_page", WORD),
        ("scene", WORD),
        ("channel", WORD),
        ("campaign_id", "String"),
        ("content_id", "String"),
        ("share_token", "String"),
        ("experiments", "Map(String, String)"),
        ("platform", WORD),
        ("model", WORD),
        ("wx_version", WORD),
        ("screen_width", "UInt16"),
        ("screen_height", "UInt16"),
        ("network", WORD),
        ("props", "String"),
    ),
    instant="ts",
    order_by=("event", "ts", "event_id"),
    shard_by="event_id",
)
"""What people did and what the services announced: client events by ``ts`` as corrected for skew (analytics.md 1)."""

ORDERS = FactTable(
    "orders",
    (
        ("event_id", "UUID"),
        ("order_id", "UUID"),
        ("order_number", "String"),
        ("member_id", "UUID"),
        ("state", WORD),
        ("entered_at", INSTANT),
        ("goods_fen", "Int64"),
        ("discount_fen", "Int64"),
        ("freight_fen", "Int64"),
        ("payable_fen", "Int64"),
        ("coupon_id", "Nullable(UUID)"),
        ("points_used", "Int64"),
    ),
    instant="entered_at",
    order_by=("state", "entered_at", "event_id"),
    shard_by="order_id",
)
"""A row for each state an order entered: ``placed``, ``paid``, ``closed``, ``completed``; amounts on the first two."""

ORDER_LINES = FactTable(
    "order_lines",
    (
        ("event_id", "UUID"),
        ("order_id", "UUID"),
        ("order_line_id", "UUID"),
        ("member_id", "UUID"),
        ("sku_id", "UUID"),
        ("product_id", "UUID"),
        ("category_id", "UUID"),
        ("quantity", "UInt32"),
        ("unit_price_fen", "Int64"),
        ("payable_fen", "Int64"),
        ("paid_at", INSTANT),
    ),
    instant="paid_at",
    order_by=("paid_at", "event_id"),
    shard_by="order_id",
)
"""The lines of paid orders; their ``payable_fen`` and the freight sum to what was paid."""

REFUNDS = FactTable(
    "refunds",
    (
        ("event_id", "UUID"),
        ("refund_id", "UUID"),
        ("order_id", "UUID"),
        ("member_id", "UUID"),
        ("refund_fen", "Int64"),
        ("freight_fen", "Int64"),
        ("is_full", "Bool"),
        ("paid_at", INSTANT),
        ("refunded_at", INSTANT),
    ),
    instant="refunded_at",
    order_by=("refunded_at", "event_id"),
    shard_by="order_id",
)
"""Money that went back to shoppers."""

MEMBERS = FactTable(
    "members",
    (("event_id", "UUID"), ("member_id", "UUID"), ("scene", WORD), ("registered_at", INSTANT)),
    instant="registered_at",
    order_by=("registered_at", "event_id"),
    shard_by="member_id",
)
"""Who registered, when, coming from which scene."""

TABLES = {table.name: table for table in (BEHAVIOUR_EVENTS, ORDERS, ORDER_LINES, REFUNDS, MEMBERS)}
