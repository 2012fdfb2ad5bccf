"""The door of the control API: JSON in and out, wrong input 422, what is not there 404, what cannot be 409."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from simulator.pay.cashier import PayRefused
from simulator.pay.postman import Postman

Content = dict[str, Any]


class Asked(BaseModel):
    """A control request's body: nothing unknown."""

    model_config = ConfigDict(extra="forbid")


Model = TypeVar("Model", bound=BaseModel)


class ControlError(Exception):
    """The control API cannot do this; the text says why."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message


def missing(what: str) -> ControlError:
    """404 for a thing that the books do not know."""
    return ControlError(404, "unknown", f"{what} is not in the books")


Handler = Callable[[Request], Awaitable[Content]] | Callable[[Request], Content]


def endpoint(handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint around a handler that answers a JSON object."""

    async def answered(request: Request) -> Response:
        await request.body()
        try:
            content = handle(request)
            return _json(200, await content if inspect.isawaitable(content) else content)
        except PayRefused as refused:
            return _json(409, {"error": refused.reason, "errMsg": str(refused)})
        except ControlError as error:
            return _json(error.status, {"error": error.error, "message": error.message})
        except ValueError as error:
            return _json(422, {"error": "invalid", "message": str(error)})

    return answered


def content_of(request: Request) -> bytes:
    """The body, read by the door; an empty one is an empty object."""
    body: bytes = request._body
    return body or b"{}"


def asked(request: Request, model: type[Model]) -> Model:
    """The body as a model; raises `ValueError`, which the door answers with 422."""
    return model.model_validate_json(content_of(request))


def postman_of(request: Request) -> Postman:
    """Whoever carries the notices."""
    postman: Postman = request.app.state.postman
    return postman


def _json(status: int, content: Content) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
