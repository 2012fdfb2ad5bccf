"""``make journey``: play the main journey against the shop that is running here, or at JISHI_URL."""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx

from demo.client import Client, Refused
from demo.journey import afterwards, arrival, buying, preparation
from demo.journey.stage import Stage, secret
from demo.journey.story import Differs, Story
from deploy.layout import GATEWAY_PORT, ports_from

CHAPTERS = (
    arrival.log_in,
    arrival.agree_and_bind,
    arrival.browse,
    arrival.claim_coupons,
    buying.buy_the_kettle,
    buying.buy_the_beans,
    afterwards.ship_and_receive,
    afterwards.refund_one_of_two,
    afterwards.let_one_close,
    afterwards.count_the_day,
)


async def play(shop_url: str, wechat_url: str, *, username: str, password: str) -> Story:
    """Play the journey; raises Differs where the shop does something else, Refused where it refuses."""
    async with (
        httpx.AsyncClient(base_url=shop_url, timeout=20) as shop,
        httpx.AsyncClient(base_url=wechat_url, timeout=20) as wechat,
    ):
        merchant = Client(shop)
        login = await merchant.post("/operator/auth/login", {"username": username, "password": password})
        merchant.token = login["token"]
        story = Story(merchant, since=datetime.now(UTC) - timedelta(seconds=5))
        stage = Stage(shop, Client(shop), merchant, wechat, story)
        print(f"The journey, at {shop_url}", flush=True)
        stage.day_before = await afterwards.day_numbers(stage)
        story.chapter("0. The merchant prepares", "PD-01, MK-01, MK-03")
        await preparation.prepare(stage)
        for chapter in CHAPTERS:
            await chapter(stage)
        print(flush=True)
        await preparation.tidy_up(stage)
        story.tell(f"{stage.buyer.calls} calls by the shopper, {story.checks} checks")
        return story


def main() -> None:
    """Exit with 0 only when everything is as expected, to the fen."""
    ports = ports_from(int(os.environ.get("JISHI_PORT", GATEWAY_PORT)))
    shop_url = os.environ.get("JISHI_URL", f"http://127.0.0.1:{ports['gateway']}")
    wechat_url = os.environ.get("JISHI_SIMULATOR_URL", f"http://127.0.0.1:{ports['simulator']}")
    began = time.monotonic()
    try:
        asyncio.run(play(shop_url, wechat_url, username="owner", password=secret("gateway_owner_password")))
    except (Differs, Refused) as difference:
        sys.exit(f"\n  ✗ {difference}")
    except httpx.HTTPError as error:
        sys.exit(f"No shop answers at {shop_url} ({error!r}). Start one with `make run`, then try again.")
    print(f"\nThe whole journey went as it should ({time.monotonic() - began:.1f} s).", flush=True)


if __name__ == "__main__":
    main()
