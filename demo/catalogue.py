"""Reads the demo's shop from the files beside this one."""

import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from demo.checks import faults
from demo.shop import Shop

_HERE: Final = Path(__file__).parent


class FaultyShop(ValueError):
    """The files do not make a shop; one sentence a line says what is wrong and where."""


def load(folder: Path = _HERE) -> Shop:
    """The demo's shop from `shop.toml` and `goods/*.toml` in `folder`; raises FaultyShop."""
    raw = tomllib.loads((folder / "shop.toml").read_text(encoding="utf-8"))
    raw["products"] = [
        product
        for file in sorted((folder / "goods").glob("*.toml"))
        for product in tomllib.loads(file.read_text(encoding="utf-8"))["products"]
    ]
    try:
        shop = TypeAdapter(Shop).validate_python(raw)
    except ValidationError as error:
        raise FaultyShop("\n".join(_sentence(raw, dict(fault)) for fault in error.errors())) from error
    if found := list(faults(shop)):
        raise FaultyShop("\n".join(found))
    return shop


def _sentence(raw: dict[str, Any], fault: dict[str, Any]) -> str:
    """Pydantic's fault in words, things named by their code or key instead of their place in a list."""
    words: list[str] = []
    here: Any = raw
    for step in fault["loc"]:
        here = _at(here, step)
        name = (here.get("code") or here.get("key")) if isinstance(here, dict) else None
        words.append(str(name or step))
    return f"{' › '.join(words)}: {fault['msg']}, not {fault['input']!r}."


def _at(here: Any, step: str | int) -> Any:
    try:
        return here[step]
    except (KeyError, IndexError, TypeError):
        return None
