"""`make run` with a wire before each service's database: the process of the embedded mode."""

import json
import os
from collections.abc import Iterable
from unittest.mock import patch

from chaos.database_wires import behind_a_wire
from deploy.local import run
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import DatabaseUrls

WIRES = "JISHI_CHAOS_WIRES"
"""Holds the wires' ports by service, as JSON."""


def main() -> None:
    """Run until stopped; the databases that are made are told as reached through their wires."""
    ports: dict[str, int] = json.loads(os.environ[WIRES])
    ensure = LocalPostgres.ensure

    def ensure_wired(self: LocalPostgres, services: Iterable[str]) -> dict[str, DatabaseUrls]:
        return {name: behind_a_wire(urls, ports[name]) for name, urls in ensure(self, services).items()}

    with patch.object(LocalPostgres, "ensure", ensure_wired):
        run.main()


if __name__ == "__main__":
    main()
