"""Retrying an unsafe call with its key has one effect and one answer (P2, K8)."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from shared.database import UnitOfWork, transact
from shared.http.callers import principal
from shared.http.identity import Principal
from shared.http.problems import Problem

MAX_KEY = 255
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
_FIND = text("SELECT request_hash, status, answer FROM idempotency_keys WHERE key = :key")
_KEEP = text(
    "INSERT INTO idempotency_keys (key, request_hash, status, answer) VALUES (:key, :request_hash, :status, :answer)"
)


class KeyMissing(Problem):
    """This call moves money or stock and needs an Idempotency-Key."""

    slug, title, status = "idempotency-key-missing", "The Idempotency-Key header is missing", 400


class KeyReused(Problem):
    """The key was used for another request."""

    slug, title, status = "idempotency-key-reused", "This Idempotency-Key was used with another request", 422


class StillRunning(Problem):
    """The first call with this key has not finished."""

    slug, title, status = "idempotency-in-progress", "The first request with this key is still running", 409


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key within its principal and route, and what was asked under it."""

    key: str
    request_hash: str


async def _read(
    request: Request, idempotency_key: Annotated[str | None, Header(max_length=MAX_KEY)] = None
) -> IdempotencyKey:
    return key_for(
        principal(request),
        f"{request.method} {request.scope['route'].path}",
        idempotency_key,
        path=request.url.path,
        body=await request.body(),
    )


def key_for(caller: Principal, route: str, sent: str | None, *, path: str, body: bytes) -> IdempotencyKey:
    """The key that a client sent with a request; ``route`` is its method and template. Raises KeyMissing."""
    if not sent or not sent.isprintable():
        raise KeyMissing()
    scope = f"{caller.kind}:{caller.subject}:{route}:{sent}"
    return IdempotencyKey(scope, hashlib.sha256(path.encode() + b"\n" + body).hexdigest())


Idempotent = Annotated[IdempotencyKey, Depends(_read)]


async def once(
    engine: AsyncEngine,
    key: IdempotencyKey,
    do: Callable[[UnitOfWork], Awaitable[BaseModel]],
    *,
    status: int = 201,
) -> Response:
    """Do the work in one transaction together with its key and its answer, or repeat the kept answer.

    ``do`` may run again when PostgreSQL broke a deadlock with it. Raises KeyReused for the same key with another
    request, StillRunning while the first is at work. A refusal keeps nothing.
    """

    async def do_and_keep(work: UnitOfWork) -> Response:
        if (kept := await recall(work, key)) is not None:
            return kept
        return await keep(work, key, await do(work), status=status)

    return await transact(engine, do_and_keep)


async def recall(work: UnitOfWork, key: IdempotencyKey) -> Response | None:
    """The answer kept under a key, and the key held for this transaction when there is none."""
    if not (await work.connection.execute(_LOCK, {"key": key.key})).scalar_one():
        raise StillRunning(headers={"retry-after": "1"})
    row = (await work.connection.execute(_FIND, {"key": key.key})).one_or_none()
    if row is None:
        return None
    if row.request_hash != key.request_hash:
        raise KeyReused()
    return _answer(row.answer, row.status)


async def keep(work: UnitOfWork, key: IdempotencyKey, view: BaseModel, *, status: int) -> Response:
    """Keep an answer under its key with this transaction."""
    answer = view.model_dump_json()
    await work.connection.execute(
        _KEEP, {"key": key.key, "request_hash": key.request_hash, "status": status, "answer": answer}
    )
    return _answer(answer, status)


def _answer(answer: Any, status: int) -> Response:
    body = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
    return Response(body, status, media_type="application/json")
