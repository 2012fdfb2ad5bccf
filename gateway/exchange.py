"""One answer on its way out: with its headers cleaned and ours added, and kept where others may be given it too."""

from collections.abc import Iterable

from starlette.types import Message, Scope, Send

from gateway.hygiene import SECURITY_HEADERS, outgoing
from gateway.kept_answers import AWAY, MOST_BYTES, KeptAnswer, KeptAnswers, Key
from gateway.request_body import BodyTimeout
from shared.http.connections import Headers
from shared.http.problems import Problem

_FOR_ONE_CLIENT = {b"content-encoding", b"set-cookie", b"vary"}


class Exchange:
    """What the client is answered, once."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.known_etags: bytes | None = None
        """The client's If-None-Match, where the gateway answers it: an answer that the client has becomes 304."""
        self.is_begun = False
        self.is_complete = False
        self._unchanged: Message | None = None

    async def send(self, message: Message) -> None:
        """Pass on what a service answers."""
        if message["type"] == "http.response.start":
            await self._start(message["status"], for_clients(message.get("headers", ())))
        else:
            await self._continue(message.get("body", b""), more=message.get("more_body", False))

    async def give(self, kept: KeptAnswer, why: bytes) -> None:
        """Answer with what was kept, its age, and why it may be (RFC 9111, RFC 9211)."""
        await self._start(200, [*kept.headers, (b"age", kept.age), (b"cache-status", why)])
        await self._continue(kept.body, more=False)

    async def refuse(self, problem: Problem, scope: Scope) -> None:
        """Answer with a problem; an answer that has begun is cut off instead."""
        if self.is_begun:
            raise ConnectionError("the answer broke off") from problem

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await problem.response()(scope, nothing, self.send)

    async def _start(self, status: int, headers: Headers) -> None:
        self.is_begun = True
        is_unchanged = status == 200 and self.known_etags is not None and _is_known(headers, self.known_etags)
        if is_unchanged:
            status, headers = 304, [each for each in headers if not each[0].startswith(b"content-")]
        headers.append((b"x-request-id", self.request_id.encode()))
        if status == BodyTimeout.status:  # the rest of the body would be read as the next request
            headers.append((b"connection", b"close"))
        start = {"type": "http.response.start", "status": status, "headers": headers}
        if is_unchanged:
            self._unchanged = start
        else:
            await self._send(start)

    async def _continue(self, body: bytes, *, more: bool) -> None:
        if self._unchanged is not None:
            if more:  # the client would be gone before the page is whole for the others
                return
            await self._send(self._unchanged)
            body = b""
        self.is_complete = not more
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


class Keeping:
    """An exchange whose good answer is kept for others; instead of a failure it gives what is kept already."""

    def __init__(self, exchange: Exchange, answers: KeptAnswers, key: Key, *, begun_at: float) -> None:
        self._exchange = exchange
        self._answers = answers
        self._key = key
        self._begun_at = begun_at
        self._headers: Headers | None = None
        self._parts: list[bytes] = []
        self._is_replaced = False

    async def send(self, message: Message) -> None:
        """Pass on what the service answers."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif not self._is_replaced:
            self._remember(message)
            await self._exchange.send(message)

    async def _start(self, message: Message) -> None:
        if message["status"] >= 500 and (stale := self._answers.stale(self._key)) is not None:
            self._is_replaced = True
            await self._exchange.give(stale, AWAY)
            return
        headers = for_clients(message["headers"])
        if message["status"] == 200 and _may_be_shared(headers):
            self._headers = headers
        await self._exchange.send(message)

    def _remember(self, message: Message) -> None:
        if self._headers is None:
            return
        self._parts.append(message.get("body", b""))
        if sum(map(len, self._parts)) > MOST_BYTES:
            self._headers = None
        elif not message.get("more_body", False):
            answer = KeptAnswer(self._headers, b"".join(self._parts), self._begun_at)
            self._answers.keep(self._key, answer)


def for_clients(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of an answer as they leave the gateway."""
    return outgoing(headers) + SECURITY_HEADERS


def _may_be_shared(headers: Headers) -> bool:
    return not any(
        name in _FOR_ONE_CLIENT
        or (name == b"cache-control" and (b"no-store" in value or b"private" in value))
        for name, value in headers
    )


def _is_known(headers: Headers, known_etags: bytes) -> bool:
    """Whether the client has this very answer, by If-None-Match (RFC 9110, 13.1.2)."""
    etag = next((value for name, value in headers if name == b"etag"), None)
    if etag is None:
        return False
    known = [each.strip().removeprefix(b"W/") for each in known_etags.split(b",")]
    return known == [b"*"] or etag.removeprefix(b"W/") in known
