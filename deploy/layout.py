"""The platform's processes and their ports: what every way of starting it agrees on."""

from dataclasses import dataclass

SERVICES = ("catalog", "order", "payment", "member", "campaign", "analytics")
"""The services that own a database, an app and a worker each."""

GATEWAY = "gateway"
PACKAGES = {GATEWAY: "gateway"} | {name: f"services.{name}" for name in SERVICES}
GATEWAY_PORT = 8080
SIMULATOR_PORT = 8190


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the full mode: ``python -m module``, answering its health at ``port``."""

    name: str
    service: str
    module: str
    port: int


APPS = (
    Process(GATEWAY, GATEWAY, "gateway.app", GATEWAY_PORT),
    *(Process(name, name, f"services.{name}.app", 8101 + at) for at, name in enumerate(SERVICES)),
)
WORKERS = tuple(
    Process(f"{name}-worker", name, f"services.{name}.worker", 8201 + at) for at, name in enumerate(SERVICES)
)
PROCESSES = (*APPS, *WORKERS)


def ports_from(gateway_port: int) -> dict[str, int]:
    """Every process's port on one machine, at the usual distance from the gateway's; the simulator's too."""
    moved = gateway_port - GATEWAY_PORT
    return {process.name: process.port + moved for process in PROCESSES} | {
        "simulator": SIMULATOR_PORT + moved
    }
