"""The simulator's own books: one SQLite file that survives any crash of the process.

Times are Unix seconds on the simulator's clock, money is integer fen. Only the event loop's thread uses them, so a
function that does not await is atomic; `entry` makes it durable as a whole. A commit costs no disk flush (a lost
machine may lose the last moments, a killed process loses nothing), which keeps it at some ten microseconds.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS users (
  openid TEXT PRIMARY KEY, unionid TEXT NOT NULL, nickname TEXT NOT NULL, phone TEXT, session_key TEXT NOT NULL,
  created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS codes (
  code TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('login', 'phone')), openid TEXT NOT NULL,
  created_at REAL NOT NULL, used_at REAL);
CREATE INDEX IF NOT EXISTS codes_used ON codes (openid, used_at);
CREATE TABLE IF NOT EXISTS tokens (
  token TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('plain', 'stable')), created_at REAL NOT NULL,
  expires_at REAL NOT NULL, forced INTEGER NOT NULL DEFAULT 0, replaced INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS subscriptions (
  openid TEXT NOT NULL, template_id TEXT NOT NULL, remaining INTEGER NOT NULL CHECK (remaining >= 0),
  PRIMARY KEY (openid, template_id));
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY, openid TEXT NOT NULL, template_id TEXT NOT NULL, page TEXT, data TEXT NOT NULL,
  sent_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
  out_trade_no TEXT PRIMARY KEY, transaction_id TEXT UNIQUE, openid TEXT NOT NULL, description TEXT NOT NULL,
  attach TEXT, total_fen INTEGER NOT NULL CHECK (total_fen > 0), payer_total_fen INTEGER, fee_fen INTEGER,
  notify_url TEXT NOT NULL, request TEXT NOT NULL,
  trade_state TEXT NOT NULL CHECK (trade_state IN ('NOTPAY', 'SUCCESS', 'REFUND', 'CLOSED')),
  created_at REAL NOT NULL, expires_at REAL NOT NULL, paid_at REAL, closed_at REAL, declined_at REAL);
CREATE INDEX IF NOT EXISTS transactions_created ON transactions (created_at);
CREATE TABLE IF NOT EXISTS prepays (
  prepay_id TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL REFERENCES transactions, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS prepays_order ON prepays (out_trade_no);
CREATE TABLE IF NOT EXISTS refunds (
  out_refund_no TEXT PRIMARY KEY, refund_id TEXT UNIQUE NOT NULL, out_trade_no TEXT NOT NULL REFERENCES transactions,
  request TEXT NOT NULL, refund_fen INTEGER NOT NULL CHECK (refund_fen > 0), payer_refund_fen INTEGER NOT NULL,
  fee_back_fen INTEGER NOT NULL, reason TEXT, notify_url TEXT, funds_account TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('PROCESSING', 'SUCCESS', 'ABNORMAL', 'CLOSED')),
  created_at REAL NOT NULL, settles_at REAL, settled_at REAL);
CREATE INDEX IF NOT EXISTS refunds_order ON refunds (out_trade_no);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (settles_at) WHERE status = 'PROCESSING';
CREATE TABLE IF NOT EXISTS redirections (
  out_refund_no TEXT PRIMARY KEY REFERENCES refunds, type TEXT NOT NULL, received_account TEXT NOT NULL,
  applied_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS frozen (
  out_trade_no TEXT PRIMARY KEY REFERENCES transactions, amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0),
  until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS share_receivers (
  type TEXT NOT NULL, account TEXT NOT NULL, relation_type TEXT NOT NULL, custom_relation TEXT, name TEXT,
  added_at REAL NOT NULL, PRIMARY KEY (type, account));
CREATE TABLE IF NOT EXISTS share_orders (
  out_order_no TEXT PRIMARY KEY, order_id TEXT UNIQUE NOT NULL, out_trade_no TEXT NOT NULL REFERENCES transactions,
  request TEXT NOT NULL, is_last INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('PROCESSING', 'FINISHED')), created_at REAL NOT NULL, settles_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS share_orders_order ON share_orders (out_trade_no);
CREATE INDEX IF NOT EXISTS share_orders_due ON share_orders (settles_at) WHERE state = 'PROCESSING';
CREATE TABLE IF NOT EXISTS shares (
  detail_id TEXT PRIMARY KEY, out_order_no TEXT NOT NULL REFERENCES share_orders, type TEXT NOT NULL,
  account TEXT NOT NULL, amount_fen INTEGER NOT NULL CHECK (amount_fen > 0), description TEXT NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('PENDING', 'SUCCESS', 'CLOSED')), fail_reason TEXT,
  created_at REAL NOT NULL, finished_at REAL);
CREATE INDEX IF NOT EXISTS shares_order ON shares (out_order_no);
CREATE INDEX IF NOT EXISTS shares_account ON shares (account, finished_at);
CREATE TABLE IF NOT EXISTS share_returns (
  out_return_no TEXT PRIMARY KEY, return_id TEXT UNIQUE NOT NULL, out_order_no TEXT NOT NULL REFERENCES share_orders,
  request TEXT NOT NULL, return_mchid TEXT NOT NULL, amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
  description TEXT NOT NULL, result TEXT NOT NULL CHECK (result IN ('PROCESSING', 'SUCCESS', 'FAILED')),
  fail_reason TEXT, created_at REAL NOT NULL, settles_at REAL NOT NULL, finished_at REAL);
CREATE INDEX IF NOT EXISTS share_returns_order ON share_returns (out_order_no);
CREATE INDEX IF NOT EXISTS share_returns_due ON share_returns (settles_at) WHERE result = 'PROCESSING';
CREATE TABLE IF NOT EXISTS funds (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, reference TEXT NOT NULL, business TEXT NOT NULL,
  amount_fen INTEGER NOT NULL, balance_fen INTEGER NOT NULL, note TEXT NOT NULL, voucher TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS funds_at ON funds (at);
CREATE TABLE IF NOT EXISTS shipping (
  out_trade_no TEXT PRIMARY KEY REFERENCES transactions, logistics_type INTEGER NOT NULL,
  delivery_mode INTEGER NOT NULL, finished INTEGER NOT NULL, finish_count INTEGER NOT NULL, parcels TEXT NOT NULL,
  uploaded_at REAL NOT NULL, shipped_at REAL, confirmed_at REAL);
CREATE TABLE IF NOT EXISTS notices (
  number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, event_type TEXT NOT NULL, out_trade_no TEXT NOT NULL,
  out_refund_no TEXT, notify_url TEXT NOT NULL, summary TEXT NOT NULL, plaintext TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'LOST', 'GIVEN_UP')),
  created_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_attempt_at REAL);
CREATE INDEX IF NOT EXISTS notices_due ON notices (next_attempt_at) WHERE state = 'PENDING';
CREATE INDEX IF NOT EXISTS notices_order ON notices (out_trade_no);
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY, notice INTEGER NOT NULL REFERENCES notices, attempt INTEGER NOT NULL, at REAL NOT NULL,
  what TEXT NOT NULL, status INTEGER, answer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_notice ON attempts (notice);
CREATE TABLE IF NOT EXISTS bills (
  token TEXT PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL, created_at REAL NOT NULL);
"""


class Books:
    """The open file: `row`, `rows` and `value` read, `write` changes, `entry` makes several changes one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        self._db.row_factory = _row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.executescript(SCHEMA)

    @contextmanager
    def entry(self) -> Iterator[None]:
        """One transaction: all of its writes, or none when it raises."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Every row of a query."""
        return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of a query, if any."""
        found: Row | None = self._db.execute(sql, values).fetchone()
        return found

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row, None without one."""
        found = self.row(sql, *values)
        return None if found is None else next(iter(found.values()))

    def write(self, sql: str, *values: object) -> int:
        """Change rows; says how many."""
        return self._db.execute(sql, values).rowcount

    def insert(self, table: str, **columns: object) -> None:
        """Write one new row; raises `sqlite3.IntegrityError` when its key is taken."""
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self._db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))

    def keep(self, name: str, value: object) -> None:
        """Remember a small setting as JSON."""
        self.write("INSERT OR REPLACE INTO kept VALUES (?, ?)", name, json.dumps(value))

    def kept(self, name: str, default: Any) -> Any:
        """A remembered setting."""
        text = self.value("SELECT value FROM kept WHERE name = ?", name)
        return default if text is None else json.loads(text)

    def close(self) -> None:
        """Close the file; nothing more may be asked of it."""
        self._db.close()


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}
