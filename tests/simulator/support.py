"""The other side of the simulator, written without it: a server on a socket, a notice endpoint, a signing client."""

import asyncio
import base64
import json
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from wechatpayv3.utils import build_authorization, rsa_sign, rsa_verify

from simulator.app import create_app
from simulator.settings import IDLE_SECONDS, SimulatorSettings

Json = dict[str, Any]
# Making a TLS context costs tens of milliseconds, so every test shares one client that needs none.
PLAIN = httpx.AsyncClient(timeout=10, verify=False)


class Served:
    """An ASGI application under uvicorn on a free port of this machine."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def app(self) -> ASGIApp:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        config = uvicorn.Config(
            self.app(),
            log_level="error",
            access_log=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self.socket]))
        while not self._server.started:
            await asyncio.sleep(0.005)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.shutdown()
        self._serving.cancel()
        with suppress(asyncio.CancelledError):
            await self._serving


class Simulator(Served):
    """The simulator, with a client for its control API."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.described: Json = json.loads((folder / "merchant.json").read_bytes())

    def app(self) -> ASGIApp:
        return create_app(SimulatorSettings(folder=self.folder, public_url=self.url))

    async def control(self, method: str, path: str, content: object = None) -> Json:
        """A control call that must succeed."""
        answer = await self.refused(method, path, content)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def refused(self, method: str, path: str, content: object = None) -> httpx.Response:
        """A control call whatever comes of it."""
        return await PLAIN.request(method, f"{self.url}/_control{path}", json=content)

    async def fault(self, match: Json, action: Json, *, times: int = 1) -> None:
        """One rule in place of all others."""
        await self.control("PUT", "/faults", [{"match": match, "times": times, "action": action}])

    async def bitten(self) -> int:
        """How often the first rule bit."""
        rules = (await self.control("GET", "/faults"))["rules"]
        return int(rules[0]["bitten"])

    async def advance(self, seconds: float) -> None:
        """Move the platform's clock on."""
        await self.control("PUT", "/clock", {"advance_seconds": seconds})

    async def set_clock(self, now: str) -> None:
        """Set the platform's clock; signatures stay with the system's, as the merchant here does."""
        await self.control("PUT", "/clock", {"now": now, "signatures": "system"})


@dataclass
class Received:
    """One notice as it came over the wire."""

    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Shop(Served):
    """A notice endpoint whose answers a test may script."""

    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    pause_seconds: float = 0.0

    def __post_init__(self) -> None:
        super().__init__()

    def forget(self) -> None:
        """Start over for the next test."""
        self.received, self.answers, self.pause_seconds = [], [], 0.0

    @property
    def notify_url(self) -> str:
        return f"{self.url}/notify"

    def app(self) -> ASGIApp:
        return Starlette(routes=[Route("/notify", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.received.append(Received(dict(request.headers), await request.body(), time.time()))
        status = self.answers.pop(0) if self.answers else 204
        await asyncio.sleep(self.pause_seconds)
        return Response(status_code=status) if status == 204 else Response("no", status)

    async def wait(self, count: int) -> list[Received]:
        """The notices so far, once there are so many."""
        await eventually(lambda: len(self.received) >= count)
        return self.received


class Merchant:
    """A merchant's backend: signs with an independent implementation and checks what it gets back."""

    def __init__(self, simulator: Simulator, shop: Shop) -> None:
        self.simulator, self.shop = simulator, shop
        told = simulator.described
        self.appid, self.mchid, self.apiv3_key = told["appid"], told["mchid"], told["apiv3_key"]
        self.secret, self.serial_no = told["app_secret"], told["merchant_serial_no"]
        self.private_pem = (simulator.folder / told["merchant_private_key_file"]).read_text()
        self.private_key = load_pem_private_key(self.private_pem.encode(), None)
        self.public_pem = (simulator.folder / told["platform_public_key_file"]).read_text()
        self.public_key = load_pem_public_key(self.public_pem.encode())
        self.public_key_id = told["platform_public_key_id"]
        self.openid = ""
        self.token = ""

    async def __aenter__(self) -> Self:
        self.client = httpx.AsyncClient(base_url=self.simulator.url, timeout=10, verify=False)
        user = await self.simulator.control("POST", "/users", {"nickname": "小明", "phone": "13912345678"})
        self.openid = user["openid"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def call(
        self, method: str, url: str, content: Json | None = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """A signed request; `headers` are laid over the right ones, an empty value takes one away."""
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        authorization = build_authorization(
            url, method, self.mchid, self.serial_no, self.private_key, data=body.decode() or None
        )
        all_headers = {
            "Accept": "application/json",
            "User-Agent": "tests",
            "Authorization": authorization,
            "Content-Type": "application/json",
            **(headers or {}),
        }
        request = self.client.build_request(method, url, content=body, headers=all_headers)
        for name, value in all_headers.items():
            if not value:
                del request.headers[name]
        return await self.client.send(request)

    def signed_by_public_key(self, answer: httpx.Response) -> bool:
        """Whether an answer carries a true signature of the platform's public key."""
        return answer.headers["Wechatpay-Serial"] == self.public_key_id and self.verifies(
            dict(answer.headers), answer.content
        )

    def verifies(self, headers: dict[str, str], body: bytes) -> bool:
        """Whether a signature is true, by wechatpayv3's verification."""
        lower = {name.lower(): value for name, value in headers.items()}
        names = ("wechatpay-timestamp", "wechatpay-nonce")
        try:
            return bool(
                rsa_verify(
                    *(lower[name] for name in names),
                    body.decode(),
                    lower["wechatpay-signature"],
                    self.public_key,
                )
            )
        except ValueError:
            return False

    def order(self, **changes: Any) -> Json:
        """A right order of 99.80 yuan with a number of its own."""
        return {
            "appid": self.appid,
            "mchid": self.mchid,
            "description": "云南小粒咖啡豆 250g×2",
            "out_trade_no": "SH" + secrets.token_hex(10),
            "attach": "shop=7",
            "notify_url": self.shop.notify_url,
            "amount": {"total": 9980, "currency": "CNY"},
            "payer": {"openid": self.openid},
            **changes,
        }

    async def prepay(self, **changes: Any) -> tuple[str, str]:
        """An accepted order: its number and its prepay_id."""
        order = self.order(**changes)
        answer = await self.call("POST", "/v3/pay/transactions/jsapi", order)
        assert answer.status_code == 200, answer.text
        return order["out_trade_no"], answer.json()["prepay_id"]

    async def simulator_bitten(self) -> bool:
        """Whether the first fault rule has bitten."""
        return await self.simulator.bitten() > 0

    def request_payment(self, prepay_id: str) -> Json:
        """The parameters for `wx.requestPayment`."""
        stamp, nonce, package = str(int(time.time())), secrets.token_hex(16), f"prepay_id={prepay_id}"
        message = "".join(f"{part}\n" for part in (self.appid, stamp, nonce, package))
        return {
            "timeStamp": stamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": rsa_sign(self.private_key, message),
        }

    async def paid(self, *, coupon_fen: int = 0, **changes: Any) -> str:
        """The number of an order that was paid and whose notice has arrived."""
        before = len(self.shop.received)
        out_trade_no, prepay_id = await self.prepay(**changes)
        await self.pay(out_trade_no, prepay_id, coupon_fen=coupon_fen)
        await self.shop.wait(before + 1)
        return out_trade_no

    async def pay(self, out_trade_no: str, prepay_id: str, **more: Any) -> Json:
        """The user pays what the client was given."""
        content = {"request_payment": self.request_payment(prepay_id), **more}
        return await self.simulator.control("POST", f"/payments/{out_trade_no}/pay", content)

    async def query(self, out_trade_no: str) -> httpx.Response:
        """The order by its own number."""
        return await self.call("GET", f"/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={self.mchid}")

    def refund_of(self, out_trade_no: str, **changes: Any) -> Json:
        """A right refund of half the order, with a number of its own."""
        return {
            "out_trade_no": out_trade_no,
            "out_refund_no": "RF" + secrets.token_hex(10),
            "reason": "七天无理由",
            "notify_url": self.shop.notify_url,
            "amount": {"refund": 4990, "total": 9980, "currency": "CNY"},
            **changes,
        }

    async def refund(self, content: Json) -> httpx.Response:
        """Ask for a refund."""
        return await self.call("POST", "/v3/refund/domestic/refunds", content)

    def opened(self, notice: Received) -> Json:
        """A notice's decrypted resource; its signature must hold."""
        assert self.verifies(notice.headers, notice.body)
        resource = json.loads(notice.body)["resource"]
        sealed = base64.b64decode(resource["ciphertext"])
        plain = AESGCM(self.apiv3_key.encode()).decrypt(
            resource["nonce"].encode(), sealed, resource["associated_data"].encode()
        )
        return json.loads(plain)  # type: ignore[no-any-return]

    async def mini(self, path: str, content: Json | None = None) -> Json:
        """A mini-program API call with the merchant's token; always HTTP 200."""
        if not self.token:
            given = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
            answer = await self.client.post("/cgi-bin/stable_token", json=given)
            self.token = answer.json()["access_token"]
        answer = await self.client.post(path, params={"access_token": self.token}, json=content)
        assert answer.status_code == 200
        return answer.json()  # type: ignore[no-any-return]


async def eventually(holds: Callable[[], bool | Awaitable[bool]], *, within_seconds: float = 5.0) -> None:
    """Wait until something is so; fails when it never is."""
    deadline = time.monotonic() + within_seconds
    while True:
        result = holds()
        if result if isinstance(result, bool) else await result:
            return
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.01)
