"""``python -m deploy.k8s.secrets small|production [--out FOLDER]``: an overlay's secrets, as files that kustomize reads.

Makes what is missing, keeps what is there, and names what only the merchant can fill in. The folder is ignored by git; keep
it where you keep secrets, for a lost field key makes sealed personal data unreadable.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from deploy.k8s.manifests import kustomization
from deploy.layout import PACKAGES, SERVICES
from deploy.local.folder import ServerFolder
from deploy.local.postgres_roles import database_urls, owner_of
from deploy.local.rabbitmq_configuration import definitions, service_user, url, watching_user
from deploy.secret_files import Connections, write, write_secrets
from deploy.wechat_account import TO_FILL_IN, account_settings, write_template

OVERLAYS = Path(__file__).parent / "overlays"
FACTS_URLS = {
    "small": "chdb:///var/lib/jishi/facts",
    "production": TO_FILL_IN + "clickhouse://user:password@clickhouse.clickhouse:8123/jishi",
}
BACKUP_STORE = ("access_key_id", "secret_access_key")
POSTGRES, RABBITMQ = "jishi-postgres-rw:5432", "jishi-rabbitmq:5672"
WATCHER = "keda"


def make_secrets(overlay: str, folder: Path) -> list[str]:
    """Make an overlay's secrets in a folder; returns the files that still wait for the merchant."""
    keeper = ServerFolder(folder, server="Kubernetes")
    keeper.make()
    write_template(folder / "wechat_account")
    facts_url = folder / "analytics" / "analytics_facts_url"
    write_once(facts_url, FACTS_URLS[overlay])
    roles = keeper.passwords([role for name in PACKAGES for role in (name, owner_of(name))])
    broker = keeper.passwords([f"{name}@rabbitmq" for name in (*SERVICES, WATCHER)])
    write_secrets(
        folder / "keys",
        lambda name: folder / name,
        Connections(
            databases={name: database_urls(name, roles, f"{POSTGRES}/{name}") for name in PACKAGES},
            amqp_urls={name: url(name, broker[f"{name}@rabbitmq"], RABBITMQ) for name in SERVICES},
            settings=account_settings(folder / "wechat_account"),
        ),
    )
    for role, password in roles.items():
        write(folder / "roles" / role / "username", role)
        write(folder / "roles" / role / "password", password)
    users = {name: service_user(name, broker[f"{name}@rabbitmq"]) for name in SERVICES}
    watcher = broker[f"{WATCHER}@rabbitmq"]
    write(folder / "rabbitmq" / "definitions.json", definitions(users | {WATCHER: watching_user(watcher)}))
    write(folder / "rabbitmq" / "host", url(WATCHER, watcher, RABBITMQ))
    if overlay == "production":
        for part in BACKUP_STORE:
            write_once(folder / "backup_store" / part, TO_FILL_IN + "the object store's " + part)
    write(folder / "kustomization.yaml", kustomization(folder))
    return waiting(folder)


def write_once(path: Path, text: str) -> None:
    """Write a file that is not there yet."""
    if not path.exists():
        write(path, text)


def waiting(folder: Path) -> list[str]:
    """The files that the merchant has to fill in, as opposed to those made of them."""
    sources: Iterable[Path] = (
        *folder.glob("wechat_account/*"),
        *folder.glob("backup_store/*"),
        folder / "analytics" / "analytics_facts_url",
    )
    return sorted(str(path.relative_to(folder)) for path in sources if TO_FILL_IN in path.read_text())


def main() -> None:
    """Make the secrets of the overlay named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.k8s.secrets", description=__doc__)
    parser.add_argument("overlay", choices=sorted(FACTS_URLS))
    parser.add_argument("--out", type=Path, help="the overlay's own folder, unless told otherwise")
    arguments = parser.parse_args()
    folder = arguments.out or OVERLAYS / arguments.overlay / "secrets"
    left = make_secrets(arguments.overlay, folder)
    print(f"The secrets are in {folder}")
    if left:
        print("Fill in what is marked in these files, then run this again:")
        print("\n".join(f"  {folder / name}" for name in left))


if __name__ == "__main__":
    main()
