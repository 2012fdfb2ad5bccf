"""One PostgreSQL and one RabbitMQ for a whole test run, shared by its worker processes and stopped at its end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.folder import ServerFolder
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import DatabaseUrls, owner_of
from deploy.local.processes import command_of
from deploy.local.rabbitmq import LocalRabbitMQ
from deploy.local.rabbitmq_configuration import unlimited_user

RUNS = Path(__file__).resolve().parents[2] / ".jishi-test"
RUN_VARIABLE = "JISHI_TEST_RUN"
RABBITMQ_USER = "tests"

# What a crash of the machine would take is only test data.
UNSAFE_AND_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "4GB",
    "autovacuum_naptime": "60s",
    "max_connections": "800",  # each worker may have several shops open, each with seven pools
}


def open_run() -> None:
    """Name this run's folder for its workers, and clear away what crashed runs left."""
    for run in RUNS.glob("run-*"):
        if "pytest" not in command_of(int(run.name.removeprefix("run-"))):
            _clear(run)
    os.environ[RUN_VARIABLE] = str(RUNS / f"run-{os.getpid()}")


def close_run() -> None:
    """Stop what this run started; called by the process that opened it, after its workers are gone."""
    run = Path(os.environ.pop(RUN_VARIABLE))
    if run.exists():
        _clear(run)


def _clear(run: Path) -> None:
    _postgres(run).stop()
    _rabbitmq(run).stop()
    shutil.rmtree(run, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The run's PostgreSQL, on which tests make databases of their own."""

    postgres: LocalPostgres

    def create_database(self, name: str, *, template: str | None = None) -> DatabaseUrls:
        """An empty database with roles of its own name, or a copy of `template` reached by the template's roles."""
        if template is None:
            return self.postgres.ensure([name])[name]
        self.postgres.sql(
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER "{owner_of(template)}";\n'
            f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;\n'
            f'GRANT CONNECT ON DATABASE "{name}" TO "{template}";'
        )
        return self.postgres.urls(name, roles_of=template)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected; its roles stay for their next use."""
        self.postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')


def run_folder() -> Path:
    """The folder of this test run."""
    return Path(os.environ[RUN_VARIABLE])


def _postgres(run: Path) -> LocalPostgres:
    return LocalPostgres(run / "postgres", port=7432, settings=UNSAFE_AND_FAST)


def _rabbitmq(run: Path) -> LocalRabbitMQ:
    return LocalRabbitMQ(run / "rabbitmq", port=7672)


@contextmanager
def _only_one_worker(server: str) -> Iterator[Path]:
    """Keep other workers out; the file that says whether one of them has started the server already."""
    folder = ServerFolder(run_folder(), server="The test run")
    folder.make()
    with folder.alone():
        yield folder.path / f"{server}-started"


def postgres_server() -> PostgresServer:
    """The run's PostgreSQL, started by the first worker that asks."""
    postgres = _postgres(run_folder())
    with _only_one_worker("postgres") as started:
        if not started.exists():
            postgres.start()
            started.touch()
    return PostgresServer(postgres)


def rabbitmq_url() -> str:
    """The run's RabbitMQ, started by the first worker that asks; raises LocalServerError when none can be had."""
    if given := os.environ.get("JISHI_AMQP_URL"):
        return given
    rabbitmq = _rabbitmq(run_folder())
    with _only_one_worker("rabbitmq") as started:
        if not started.exists():
            rabbitmq.start([RABBITMQ_USER], user=unlimited_user)
            started.touch()
    return rabbitmq.urls([RABBITMQ_USER])[RABBITMQ_USER]
