"""What the processes of the platform import, imported at once."""

import gc
import importlib
from collections.abc import Iterable

from deploy.layout import PROCESSES
from shared.process import keep_what_is_there

LATER = ("sqlalchemy.dialects.postgresql.asyncpg", "httpcore")
"""What libraries import when they are first used."""

PLATFORM = (*(process.module for process in PROCESSES), *LATER)


def import_for_good(modules: Iterable[str]) -> None:
    """Import what lasts as long as the process; the collector neither interrupts it nor ever looks through it again."""
    gc.disable()
    for module in modules:
        importlib.import_module(module)
    keep_what_is_there()
    gc.enable()
