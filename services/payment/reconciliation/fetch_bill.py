"""Getting a bill's file: a link that lives for seconds, the file beside us, the hash over its plain bytes."""

import asyncio
from datetime import date
from pathlib import Path

from services.payment.resources import PaymentResources
from shared.ids import new_id
from shared.wechat.pay import BillKind, BillLink, CheckedBill, OutcomeUnknown, WeChatPayRefused

LINKS = 3
"""How many links are asked for, one after the other has expired."""


async def fetch_bill(
    resources: PaymentResources, bill_on: date, kind: BillKind, link: BillLink
) -> tuple[Path, CheckedBill | None]:
    """The proved file of a bill, None instead of its size when it was proved before.

    Raises BillDiffers when it is not the announced one, WeChatPayRefused and OutcomeUnknown when it is not got.
    """
    path = resources.bill_folder / f"{bill_on}-{kind}-{link.sha1}"
    if await asyncio.to_thread(path.exists):
        return path, None
    await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{new_id()}.new")  # another worker may be fetching the same file
    try:
        checked = await _download(resources, bill_on, kind, link, beside)
        await asyncio.to_thread(beside.replace, path)
    finally:
        await asyncio.to_thread(beside.unlink, missing_ok=True)
    return path, checked


async def _download(
    resources: PaymentResources, bill_on: date, kind: BillKind, link: BillLink, path: Path
) -> CheckedBill:
    for _ in range(LINKS - 1):
        try:
            return await resources.wechat_pay.download_bill(link, path)
        except WeChatPayRefused:
            another = await resources.answered(resources.wechat_pay.bill_link(kind, bill_on))
        if another is None or another.sha1 != link.sha1:
            raise OutcomeUnknown("another bill is announced now")
        link = another
    return await resources.wechat_pay.download_bill(link, path)
