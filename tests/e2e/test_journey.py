"""The main journey, in one process."""

import pytest

from demo.journey.__main__ import play
from tests.support.shop import Shop


async def test_the_journey_goes_as_it_should_to_the_fen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gateway_owner_password", "order_logistics_secret"):
        monkeypatch.setenv(f"JISHI_{name.upper()}", (shop.folder / "secrets" / name).read_text())
    password = (shop.folder / "secrets" / "gateway_owner_password").read_text()
    story = await play(shop.url, shop.wechat.url, username="owner", password=password)
    assert story.checks > 60
