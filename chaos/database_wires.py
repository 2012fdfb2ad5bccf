"""A wire to each service's database, in both modes."""

from contextlib import AsyncExitStack

from chaos.proxies.postgres import PostgresWire
from chaos.proxies.wire import through
from deploy.layout import PACKAGES
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import DatabaseUrls

WIRES_FROM = 60
"""Where the wires' ports begin, counted from the gateway's."""


async def open_database_wires(
    stack: AsyncExitStack, wires: dict[str, PostgresWire], postgres: LocalPostgres, *, port: int
) -> dict[str, int]:
    """Open a wire for each service and the gateway, at ports from the gateway's on; says at which."""
    ports: dict[str, int] = {}
    for name in PACKAGES:
        wire = wires[name] = PostgresWire(server_port=lambda: postgres.port)
        stack.push_async_callback(wire.wire.close)
        ports[name] = await wire.wire.listen(port + WIRES_FROM)
    return ports


def behind_a_wire(urls: DatabaseUrls, port: int) -> DatabaseUrls:
    """How a service reaches its database through the wire at a port; migrations need none."""
    return DatabaseUrls(runtime=through(urls.runtime, port), owner=urls.owner)
