"""A sibling in this process fails as one behind HTTP does."""

import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from shared.http.problems import install_problem_handlers
from shared.http.services import LocalExchange, ServiceUnavailable


def failing_app() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/")
    async def fail() -> None:
        raise RuntimeError("a bug of the sibling")

    return app


async def test_a_siblings_failure_is_its_500_and_not_our_exception() -> None:
    exchange = LocalExchange({"catalog": failing_app()})
    answer = await exchange.send("catalog", "GET", "/", {}, b"", seconds=1)
    assert answer.status == 500
    with pytest.raises(ServiceUnavailable):
        answer.json()


async def test_what_breaks_before_there_is_an_answer_is_still_raised() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("no answer at all")

    exchange = LocalExchange({"catalog": broken})
    with pytest.raises(RuntimeError, match="no answer at all"):
        await exchange.send("catalog", "GET", "/", {}, b"", seconds=1)
