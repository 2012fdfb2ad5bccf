"""The page on which a person plays the buyer."""

from tests.simulator.support import PLAIN, Merchant, Shop, eventually


async def test_the_page_and_its_parts_are_served(merchant: Merchant) -> None:
    page = await PLAIN.get(f"{merchant.simulator.url}/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for part, kind in (("page.css", "text/css"), ("page.js", "javascript")):
        assert f'"{part}"' in page.text
        assert kind in (await PLAIN.get(f"{merchant.simulator.url}/{part}")).headers["content-type"]


async def test_the_overview_shows_what_happens(merchant: Merchant, shop: Shop) -> None:
    simulator = merchant.simulator
    number, _ = await merchant.prepay()
    view = await simulator.control("GET", "/overview")
    assert [(row["out_trade_no"], row["nickname"], row["expired"]) for row in view["open"]] == [
        (number, "小明", False)
    ]
    shop.answers = [500]
    await simulator.control("POST", f"/payments/{number}/confirm")
    await shop.wait(1)

    async def attempted() -> bool:
        return bool((await simulator.control("GET", "/overview"))["notices"][0]["attempts"])

    await eventually(attempted)
    view = await simulator.control("GET", "/overview")
    assert view["open"] == []
    assert [row["out_trade_no"] for row in view["payments"]] == [number]
    assert [attempt["status"] for attempt in view["notices"][0]["attempts"]] == [500]
    assert view["notices"][0]["next_attempt_at"] is not None


async def test_payments_are_listed_by_state(merchant: Merchant) -> None:
    unpaid, _ = await merchant.prepay()
    paid = await merchant.paid()
    simulator = merchant.simulator
    everything = (await simulator.control("GET", "/payments"))["items"]
    assert [row["out_trade_no"] for row in everything] == [paid, unpaid]
    open_ones = (await simulator.control("GET", "/payments?state=NOTPAY"))["items"]
    assert [row["out_trade_no"] for row in open_ones] == [unpaid]
    assert (await simulator.refused("GET", "/payments/NOSUCHORDER")).status_code == 404
