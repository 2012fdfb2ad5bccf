"""``python -m deploy.compose.secrets``: what docker-compose.yml mounts, a folder for each container.

Makes what is missing and keeps what is there. JISHI_WECHAT_ACCOUNT names the folder of a real WeChat account; without it the
simulator's invented merchant is used.
"""

import os
import sys
from pathlib import Path

from deploy.layout import PACKAGES, SERVICES, SIMULATOR_PORT
from deploy.local.folder import ServerFolder
from deploy.local.home import HOME
from deploy.local.postgres import SUPERUSER
from deploy.local.postgres_roles import database_urls, owner_of, provision
from deploy.local.rabbitmq_configuration import configuration, definitions, service_user, url
from deploy.reactions import all_reactions
from deploy.secret_files import Connections, write, write_secrets
from deploy.wechat_account import account_settings, missing, simulator_settings
from simulator.merchant import generate

FOLDER = HOME / "compose"
ACCOUNT_VARIABLE = "JISHI_WECHAT_ACCOUNT"
POSTGRES, RABBITMQ = "postgres:5432", "rabbitmq:5672"
SHOP_FOR_THE_SIMULATOR = "http://gateway-app:8000"
FACTS_URL = "chdb:///var/lib/jishi/facts"


def make_secrets(folder: Path, *, account: Path | None) -> None:
    """Make the files of every container below a folder; raises ValueError for an account that is not filled in."""
    keeper = ServerFolder(folder, server="Docker compose")
    keeper.make()
    roles = keeper.passwords([role for name in PACKAGES for role in (name, owner_of(name))])
    superuser = keeper.passwords([SUPERUSER])[SUPERUSER]
    broker = keeper.passwords([f"{name}@rabbitmq" for name in SERVICES])
    generate(folder / "simulator")
    wechat = account_settings(account) if account else _simulated(folder / "simulator")
    if left := missing(wechat):
        raise ValueError(f"The WeChat account in {account} is not filled in: {', '.join(left)}.")
    write_secrets(
        folder / "keys",
        lambda name: folder / name,
        Connections(
            databases={name: database_urls(name, roles, f"{POSTGRES}/{name}") for name in PACKAGES},
            amqp_urls={name: url(name, broker[f"{name}@rabbitmq"], RABBITMQ) for name in SERVICES},
            settings=wechat | {"analytics_facts_url": FACTS_URL},
        ),
    )
    write(folder / "postgres" / "superuser_password", superuser)
    write(folder / "postgres" / "roles.sql", provision(roles, PACKAGES))
    users = {name: service_user(name, broker[f"{name}@rabbitmq"]) for name in SERVICES}
    write(folder / "rabbitmq" / "definitions.json", definitions(users, all_reactions()))
    settings = configuration(listener="0.0.0.0:5672", definitions="/run/jishi/definitions.json")
    write(folder / "rabbitmq" / "rabbitmq.conf", settings)
    _open_to_containers(folder)


def _simulated(merchant: Path) -> dict[str, str]:
    return account_settings(merchant, public_url=SHOP_FOR_THE_SIMULATOR) | simulator_settings(
        f"http://simulator:{SIMULATOR_PORT}"
    )


def _open_to_containers(folder: Path) -> None:
    """Let the containers' own users read what is mounted, and the simulator write its books.

    On this machine the folder around them still lets nobody in but its owner.
    """
    for mounted in (part for part in folder.iterdir() if part.is_dir() and part.name != "keys"):
        may_write = mounted.name == "simulator"
        for path in (mounted, *mounted.rglob("*")):
            try:
                path.chmod((0o777 if may_write else 0o755) if path.is_dir() else 0o644)
            except PermissionError:
                continue  # the simulator's own files


def make_from_environment() -> Path | None:
    """Make the secrets of this machine's containers; the folder of the real WeChat account, if one was named."""
    named = os.environ.get(ACCOUNT_VARIABLE)
    account = Path(named).expanduser() if named else None
    try:
        make_secrets(FOLDER, account=account)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    return account


if __name__ == "__main__":
    make_from_environment()
