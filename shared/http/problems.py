"""Refusals are problems: raised beside the rule, rendered here as RFC 9457."""

import logging
from typing import Any, ClassVar

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared.database import is_bad_value, is_passing

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal that the caller can understand; nothing was changed.

    Keyword members are added to the problem document; ``headers`` to the answer.
    """

    slug: ClassVar[str] = "problem"
    title: ClassVar[str] = "The request was refused"
    status: ClassVar[int] = 400

    def __init__(
        self, detail: str | None = None, *, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """The problem as RFC 9457 JSON."""
        document = {"type": f"/problems/{self.slug}", "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        return document | self.members

    def response(self) -> Response:
        """The answer that carries it."""
        return problem_response(self.status, self.document(), self.headers)


class NotFound(Problem):
    """There is no such thing, or the caller may not see it."""

    slug, title, status = "not-found", "Not found", 404


class Invalid(Problem):
    """The request is malformed or breaks a rule of its form."""

    slug, title, status = "invalid-request", "The request is not valid", 422


class Unauthenticated(Problem):
    """The caller must log in."""

    slug, title, status = "unauthenticated", "Please log in", 401


class Forbidden(Problem):
    """The caller is known and may not do this."""

    slug, title, status = "forbidden", "You may not do this", 403


class Busy(Problem):
    """Something is overloaded or away for a moment; the same request may be tried again."""

    slug, title, status = "busy", "Please try again in a moment", 503


class UpstreamProblem(Problem):
    """Another service's refusal, passed on as it was."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(str(document.get("detail") or document.get("title") or "refused"))
        self._status, self._document = status, document

    @property
    def slug_of_cause(self) -> str:
        """The slug of the refused call's problem."""
        return str(self._document.get("type", "")).removeprefix("/problems/")

    @property
    def members_of_cause(self) -> dict[str, Any]:
        """The members of the refused call's problem."""
        return self._document

    def response(self) -> Response:
        return problem_response(self._status, self._document, {})


def problem_response(status: int, document: dict[str, Any], headers: dict[str, str]) -> Response:
    """An ``application/problem+json`` answer."""
    return Response(orjson.dumps(document, default=str), status, headers, MEDIA_TYPE)


def install_problem_handlers(app: FastAPI) -> None:
    """Render every refusal and failure of an app as a problem."""

    @app.exception_handler(Problem)
    async def refused(_: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        errors = [
            {"pointer": "/" + "/".join(str(part) for part in each["loc"]), "detail": each["msg"]}
            for each in error.errors()[:20]
        ]
        return Invalid("Some fields are not valid.", errors=errors).response()

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, Problem):  # raised while FastAPI was reading the body
            return error.__cause__.response()
        if error.status_code == 404:
            return NotFound().response()
        document = {"type": "about:blank", "title": str(error.detail), "status": error.status_code}
        return problem_response(error.status_code, document, dict(error.headers or {}))

    @app.exception_handler(PoolTimeout)
    @app.exception_handler(DBAPIError)
    @app.exception_handler(TimeoutError)
    async def database_trouble(request: Request, error: Exception) -> Response:
        about = {"path": request.url.path, "error": repr(error)[:300]}
        if is_passing(error):
            log.warning("database busy or away", extra=about)
            return Busy(headers={"retry-after": "1"}).response()
        if is_bad_value(error):
            log.warning("value that cannot be stored", extra=about)
            return Invalid(
                "A value cannot be stored: text with characters, or a number, beyond what we keep."
            ).response()
        return await failed(request, error)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        log.error("request failed", exc_info=error, extra={"path": request.url.path})
        document = {"type": "/problems/internal", "title": "Something went wrong on our side", "status": 500}
        return problem_response(500, document, {})
