"""A service that tells what it received or misbehaves as told, and a client that sees bytes."""

import asyncio
import gzip
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.app import create_app
from gateway.kept_answers import KeptAnswers
from gateway.limits.buckets import Buckets
from gateway.limits.callers import CallerLimits
from gateway.limits.load import Load
from gateway.resources import GatewayResources
from gateway.sessions.authentication import Authentication
from gateway.settings import Settings
from gateway.upstreams import LocalUpstreams, RemoteUpstreams
from shared.clock import SystemClock
from shared.database import create_engine
from shared.http.breaker import Breaker
from shared.http.identity import Identity, generate_keys
from shared.http.services import LocalExchange, Services
from shared.process import serving
from shared.resources import Resources

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
SERVICES = ("catalog", "order", "payment", "member", "campaign", "analytics")
ZIPPED = gzip.compress(b"zipped", mtime=0)


@dataclass(slots=True)
class Echo:
    """The service; ``x-do`` says what it does."""

    gone: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[str] = field(default_factory=list)
    text: bytes = b"text"
    conditions: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        self.calls.append(scope["path"])
        match headers.get(b"x-do", b"tell"):
            case b"tell":
                await self._tell(scope, receive, send)
            case b"text":
                await _answer(send, 200, self.text)
            case b"tag":
                self.conditions += [value for name, value in scope["headers"] if name == b"if-none-match"]
                await asyncio.sleep(0.1)
                await _answer(
                    send, 200, b"tagged", content_length="6", etag='"1"', cache_control="public, max-age=10"
                )
            case b"private" | b"no-store" as told:
                await _answer(send, 200, b"", cache_control=told.decode())
            case b"vary":
                await _answer(send, 200, b"", vary="accept-language")
            case b"set-cookie":
                await _answer(send, 200, b"", set_cookie="a=b")
            case b"copy":  # each part of the body goes back as it comes
                await _start(send, 200, content_type="application/octet-stream")
                while (message := await receive()).get("more_body", False):
                    await send({"type": "http.response.body", "body": message["body"], "more_body": True})
                await send({"type": "http.response.body", "body": message.get("body", b"")})
            case b"dawdle":
                await asyncio.sleep(0.3)
                await _answer(send, 200, b"at last")
            case b"dawdle and fail":
                await asyncio.sleep(0.3)
                await _answer(send, 404, b"")
            case b"refuse":
                await _answer(send, 401, b"{}", content_type="application/json")
            case b"zip":
                await _answer(
                    send, 200, ZIPPED, content_encoding="gzip", content_length=str(len(ZIPPED)), etag='"1"'
                )
            case b"chatter":
                await _answer(
                    send,
                    200,
                    b"",
                    server="echo",
                    x_internal_identity="leak",
                    x_request_id="theirs",
                    x_frame_options="ALLOW",
                    connection="x-hop",
                    x_hop="1",
                    x_kept="1",
                )
            case b"hang":
                try:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                finally:
                    self.gone.set()
            case b"break off":
                await _start(send, 200, content_length="100")
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise RuntimeError("the service died")
            case b"crumble":
                await _start(send, 200)
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise RuntimeError("the service died")
            case status:
                await _answer(send, int(status), b"")

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        told = {
            "method": scope["method"],
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode("latin-1"),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        await _answer(send, 200, json.dumps(told).encode(), content_type="application/json")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over the wire; ``is_whole`` unless the answer was cut off."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    is_whole: bool

    def header(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway on a port, with the echo behind it."""

    echo: Echo
    resources: GatewayResources
    port: int
    mode: str

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(
        self, method: str, target: str, *headers: tuple[str, str], body: bytes = b"", chunked: bool = False
    ) -> Reply:
        """One request on a connection of its own."""
        reader, writer = await self.connect()
        writer.write(head(method, target, *headers, size=None if chunked else len(body)))
        if chunked:
            writer.writelines(chunk(body[at : at + 16_384]) for at in range(0, len(body), 16_384))
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(body)
        try:
            return await read_reply(reader, method)
        finally:
            writer.close()


def head(method: str, target: str, *headers: tuple[str, str], size: int | None = 0) -> bytes:
    """A request's head; its body is chunked when ``size`` is None."""
    lines = [f"{method} {target} HTTP/1.1", "host: shop"]
    lines += [f"{name}: {value}" for name, value in headers]
    if size is None:
        lines.append("transfer-encoding: chunked")
    elif size:
        lines.append(f"content-length: {size}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def read_reply(reader: asyncio.StreamReader, method: str = "GET") -> Reply:
    """Read one answer."""
    async with asyncio.timeout(15):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = [
            (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:-2])
        ]
        found = dict(headers)
        body, is_whole = b"", True
        try:
            if method == "HEAD" or status in (204, 304):
                pass
            elif "content-length" in found:
                body = await reader.readexactly(int(found["content-length"]))
            else:
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    body += (await reader.readexactly(size + 2))[:-2]
                await reader.readexactly(2)
        except asyncio.IncompleteReadError as error:
            body, is_whole = body + error.partial, False
        return Reply(status, headers, body, is_whole)


@asynccontextmanager
async def open_door(
    mode: Literal["local", "remote"], folder: Path, *, database_url: str = NOWHERE, **limits: Any
) -> AsyncIterator[Door]:
    """A gateway whose services are all the echo: in this process, or over HTTP."""
    keyring = generate_keys(folder, ["gateway", *SERVICES])
    identity = Identity.from_files("gateway", folder / "gateway.pem", keyring)
    settings = Settings(
        database_url=SecretStr(database_url),
        identity_key_file=folder / "gateway.pem",
        identity_keyring_file=keyring,
        **({"limits_scale": 1_000} | limits),
    )
    echo = Echo()
    async with AsyncExitStack() as stack:
        engine = create_engine(database_url, application_name="door")
        stack.push_async_callback(engine.dispose)
        apps: dict[str, ASGIApp] = dict.fromkeys(SERVICES, echo)
        kernel = Resources(
            name="gateway",
            engine=engine,
            clock=SystemClock(),
            identity=identity,
            services=Services(identity, LocalExchange(apps)),
        )
        if mode == "local":
            upstreams: LocalUpstreams | RemoteUpstreams = LocalUpstreams(apps)
        else:
            url = f"http://127.0.0.1:{await _listen(stack, echo)}"
            upstreams = RemoteUpstreams(dict.fromkeys(SERVICES, url) | {"campaign": "http://127.0.0.1:1"})
            stack.callback(upstreams.close)
        resources = GatewayResources(
            name="gateway",
            engine=engine,
            clock=kernel.clock,
            identity=identity,
            services=kernel.services,
            settings=settings,
            authentication=Authentication(kernel, settings),
            upstreams=upstreams,
            breaker=Breaker(),
            kept_answers=KeptAnswers(),
            caller_limits=CallerLimits(settings, engine, Buckets()),
            load=Load(settings),
        )
        yield Door(echo, resources, await _listen(stack, create_app(resources)), mode)


async def _listen(stack: AsyncExitStack, app: ASGIApp) -> int:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    await stack.enter_async_context(serving(app, "", 0, listener=listener))
    return int(listener.getsockname()[1])


async def _start(send: Send, status: int, **headers: str) -> None:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _answer(send: Send, status: int, body: bytes, **headers: str) -> None:
    await _start(send, status, **headers)
    await send({"type": "http.response.body", "body": body})
