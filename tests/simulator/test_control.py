"""The control API refuses what means nothing, and the simulator stands alone."""

import ast
from pathlib import Path
from typing import Any

import simulator as package
from tests.simulator.support import Simulator

PURE = {"shared.wechat.signatures", "shared.wechat.encryption"}
OURS = {"deploy", "gateway", "services", "shared", "tests"}


def test_the_simulator_imports_nothing_of_the_platform_but_pure_functions() -> None:
    assert package.__file__ is not None
    for path in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            foreign = {name for name in names if name.split(".")[0] in OURS} - PURE
            assert not foreign, f"{path} imports {foreign}"


async def test_malformed_control_calls_are_refused(simulator: Simulator) -> None:
    wrong: list[tuple[str, str, Any]] = [
        ("PUT", "/rules", {"fee_bp": -1}),
        ("PUT", "/rules", {"surprise": 1}),
        ("PUT", "/rules", []),
        ("PUT", "/clock", {"now": "2026-01-02 10:00:00"}),
        ("PUT", "/clock", {"surprise": 1}),
        ("PUT", "/verification-mode", {"mode": "none"}),
        ("PUT", "/faults", {"surprise": 1}),
        ("POST", "/subscriptions", {"openid": "o", "template_id": "t", "times": 0}),
        ("POST", "/top-ups", {"amount_fen": 0}),
        ("GET", "/payments?limit=some", None),
    ]
    rules, clock = await simulator.control("GET", "/rules"), await simulator.control("GET", "/clock")
    for method, path, content in wrong:
        answer = await simulator.refused(method, path, content)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), path
    assert await simulator.control("GET", "/rules") == rules
    assert (await simulator.control("GET", "/clock"))["offset_seconds"] == clock["offset_seconds"]


async def test_codes_of_people_nobody_knows_are_not_given(simulator: Simulator) -> None:
    for path in ("/login-codes", "/phone-codes"):
        assert (await simulator.refused("POST", path, {"openid": "oNobody"})).status_code == 404
    withdrawn = await simulator.refused("POST", "/withdrawals", {"amount_fen": 1})
    assert (withdrawn.status_code, withdrawn.json()["error"]) == (409, "not_enough")
