"""Trade and fund bills from the simulator's own ledger, and their signed short-lived download (wechat.md 5.11)."""

import gzip
import hashlib
import secrets
from datetime import date, datetime, timedelta
from typing import Any

from starlette.responses import Response

from simulator.clock import SHANGHAI
from simulator.pay import bill_files
from simulator.pay.door import Call
from simulator.pay.errors import PayError, invalid, wrong_field

READY_HOUR = 10
KEPT_DAYS = 92
TRADE_TYPES = ("ALL", "SUCCESS", "REFUND")
FUND_ACCOUNTS = ("BASIC", "OPERATION", "FEES", "ALL")


def trade_bill(call: Call) -> dict[str, Any]:
    """Prepare the payments and refunds of one day for download."""
    day = _finished_day(call)
    kind = _choice(call, "bill_type", TRADE_TYPES, default="ALL")
    return _prepared(
        call, f"{day}-{kind}.csv", bill_files.trades(call.platform, *_bounds(call, day), kind=kind)
    )


def fund_bill(call: Call) -> dict[str, Any]:
    """Prepare the movements of the merchant's money of one day for download; only the basic account has any."""
    day = _finished_day(call)
    account = _choice(call, "account_type", FUND_ACCOUNTS, default="BASIC")
    file = bill_files.movements(call.platform, *_bounds(call, day)) if account in ("BASIC", "ALL") else None
    return _prepared(call, f"{day}-{account}.csv", file)


def download(call: Call) -> Response:
    """The file behind a link that has not expired. The answer is not signed."""
    bill = call.platform.books.row("SELECT * FROM bills WHERE token = ?", call.query.get("token", ""))
    if bill is None or call.now >= bill["created_at"] + call.platform.rules.bill_link_seconds:
        raise invalid("账单下载链接已失效，请重新申请")
    return Response(bill["content"], media_type="application/octet-stream")


def _prepared(call: Call, name: str, file: str | None) -> dict[str, Any]:
    if file is None:
        raise PayError(400, "NO_STATEMENT_EXIST", "账单文件不存在，当天没有交易")
    packed = _choice(call, "tar_type", ("GZIP",), default="") == "GZIP"
    plain = file.encode()
    token = secrets.token_urlsafe(32)
    call.platform.books.insert(
        "bills",
        token=token,
        name=name,
        content=gzip.compress(plain) if packed else plain,
        created_at=call.now,
    )
    return {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(plain + b"!" * call.platform.rules.bill_hash_is_wrong).hexdigest(),
        "download_url": f"{call.platform.settings.base_url}/v3/billdownload/file?token={token}",
    }


def _finished_day(call: Call) -> date:
    text = call.query.get("bill_date", "")
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise wrong_field("/bill_date", text, "账单日期格式不正确", location="query") from None
    now = datetime.fromtimestamp(call.now, SHANGHAI)
    if day >= now.date() or day < now.date() - timedelta(days=KEPT_DAYS):
        raise invalid("账单日期只能是三个月内、今天以前的日期")
    if day == now.date() - timedelta(days=1) and now.hour < READY_HOUR:
        raise PayError(400, "STATEMENT_CREATING", "账单生成中，请稍后再试")
    return day


def _choice(call: Call, name: str, allowed: tuple[str, ...], *, default: str) -> str:
    value = call.query.get(name, default)
    if value not in (*allowed, default):
        raise wrong_field(f"/{name}", value, "取值不在范围内", location="query")
    return value


def _bounds(call: Call, day: date) -> tuple[float, float]:
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    early = call.platform.rules.bill_day_ends_early_seconds
    return start.timestamp() - early, (start + timedelta(days=1)).timestamp() - early
