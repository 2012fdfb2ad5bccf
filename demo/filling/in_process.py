"""A client of the shop in this process: its requests are awaited at the gateway's own app."""

from typing import Any
from urllib.parse import urlencode

import orjson

from demo.client import Client
from deploy.layout import GATEWAY
from shared.http.services import LocalExchange

SECONDS = 30.0


class InProcessClient(Client):
    """Somebody in front of the gateway, without the network between."""

    def __init__(self, exchange: LocalExchange) -> None:
        self._gateway = exchange
        self.token = None
        self.calls = 0

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], **more: Any
    ) -> tuple[int, bytes]:
        target = f"{path}?{urlencode(params)}" if (params := more.get("params")) else path
        body: bytes = more.get("content", b"")
        if more.get("json") is not None:
            headers["content-type"] = "application/json"
            body = orjson.dumps(more["json"])
        headers["content-length"] = str(len(body))
        answer = await self._gateway.send(GATEWAY, method, target, headers, body, seconds=SECONDS)
        return answer.status, answer.body
