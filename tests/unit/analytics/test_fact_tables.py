"""The tables of facts and their one template."""

from services.analytics.facts.ddl import create_statements
from services.analytics.facts.domain import name_of
from services.analytics.facts.tables import MEMBERS, TABLES
from shared.events import CouponRedeemed, OrderPaid, OrderPlaced, PointsSpent

COLUMNS = """(
  event_id UUID,
  member_id UUID,
  scene LowCardinality(String),
  registered_at DateTime64(3, 'UTC')
)"""
REST = """
PARTITION BY toYYYYMM(registered_at)
ORDER BY (registered_at, event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""


def test_one_machine_has_plain_tables_written_through_to_disk() -> None:
    assert create_statements(MEMBERS) == [
        f"CREATE TABLE IF NOT EXISTS members {COLUMNS}\nENGINE = ReplacingMergeTree{REST}"
    ]


def test_a_cluster_has_replicated_tables_under_distributed_ones() -> None:
    assert create_statements(MEMBERS, cluster="jishi") == [
        f"CREATE TABLE IF NOT EXISTS members_local ON CLUSTER 'jishi' {COLUMNS}\nENGINE = ReplicatedReplacingMergeTree"
        "('/clickhouse/tables/{uuid}/{shard}', '{replica}')" + REST,
        "CREATE TABLE IF NOT EXISTS members ON CLUSTER 'jishi' AS members_local"
        " ENGINE = Distributed('jishi', currentDatabase(), 'members_local', cityHash64(member_id))",
    ]


def test_equal_rows_fall_together_because_every_sorting_key_ends_in_the_events_id() -> None:
    for table in TABLES.values():
        names = [name for name, _ in table.columns]
        assert table.order_by[-1] == "event_id"
        assert {*table.order_by, table.instant, table.shard_by} <= set(names)
        assert len(set(names)) == len(names)


def test_announced_events_have_the_catalogues_names() -> None:
    named = {type_: name_of(type_) for type_ in (OrderPaid, OrderPlaced, CouponRedeemed, PointsSpent)}
    assert named == {
        OrderPaid: "order_paid",
        OrderPlaced: "order_created",
        CouponRedeemed: "coupon_used",
        PointsSpent: "points_changed",
    }
