"""docker-compose.yml: valid, closed to the network, and locked down."""

import re
from typing import Any

import pytest
from compose_pydantic import ComposeSpecification

from deploy.compose import secrets
from deploy.layout import GATEWAY_PORT, PROCESSES, SIMULATOR_PORT
from deploy.local.home import PROJECT
from deploy.local.postgres import SETTINGS
from tests.architecture.manifests import HTTP_PORT, WORKER_PORT, compose, container_name

OURS = {container_name(process) for process in PROCESSES} | {"migrations", "simulator"}


def containers() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def test_the_file_is_valid() -> None:
    document = compose()
    # The model checks x-… parts and start_interval, which is younger than it, more narrowly than the specification.
    for name in [name for name in document if name.startswith("x-")]:
        del document[name]
    for container in document["services"].values():
        container.get("healthcheck", {}).pop("start_interval", None)
    assert ComposeSpecification(**document).services.keys() == containers().keys()


def test_nothing_listens_beyond_this_machine() -> None:
    published = {name: container["ports"] for name, container in containers().items() if "ports" in container}
    assert published == {
        "gateway-app": [f"127.0.0.1:{GATEWAY_PORT}:{HTTP_PORT}"],
        "simulator": [f"127.0.0.1:{SIMULATOR_PORT}:{SIMULATOR_PORT}"],
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_of_ours_may_do_nothing_it_need_not(name: str) -> None:
    container = containers()[name]
    assert container["image"] == "jishi"
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["tmpfs"] == ["/tmp"]
    assert "mem_limit" in container
    assert "privileged" not in container


@pytest.mark.parametrize("process", PROCESSES, ids=container_name)
def test_a_process_has_the_settings_and_secrets_of_its_service_and_no_others(process: Any) -> None:
    container = containers()[container_name(process)]
    assert container["env_file"] == [f"deploy/k8s/base/{process.service}/settings.env"]
    own, *more = container["volumes"]
    assert own == f"./.jishi/compose/{process.service}:/run/jishi:ro"
    facts = ["facts:/var/lib/jishi/facts"] if container_name(process) == "analytics-app" else []
    assert more == facts
    port = WORKER_PORT if process.name.endswith("-worker") else HTTP_PORT
    assert f"http://127.0.0.1:{port}/health/ready" in container["healthcheck"]["test"][-1]


def test_everything_waits_for_what_it_needs() -> None:
    migrated = {"migrations": {"condition": "service_completed_successfully"}}
    heard = migrated | {"rabbitmq": {"condition": "service_healthy"}}
    for process in PROCESSES:
        waits_for = heard if process.name.endswith("-worker") else migrated
        assert containers()[container_name(process)]["depends_on"] == waits_for
    assert containers()["migrations"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_mounted_folders_are_the_generated_ones(tmp_path: Any) -> None:
    secrets.make_secrets(tmp_path / "compose", account=None)
    for container in containers().values():
        for volume in container.get("volumes", []):
            if volume.startswith("./.jishi/compose/"):
                path = tmp_path / "compose" / volume.split(":")[0].removeprefix("./.jishi/compose/")
                assert path.exists()
                assert path.stat().st_mode & 0o004
    assert (tmp_path / "compose").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "compose" / "keys").stat().st_mode & 0o777 == 0o700


def test_postgres_is_set_as_the_one_without_docker() -> None:
    told = dict(re.findall(r"-c (\w+)=(\S+)", containers()["postgres"]["command"]))
    assert told == {name: SETTINGS[name] for name in told}
    assert SETTINGS.keys() - told.keys() == {"listen_addresses", "unix_socket_directories", "shared_buffers"}


def test_the_simulator_is_where_the_shop_looks_for_it(tmp_path: Any) -> None:
    secrets.make_secrets(tmp_path / "compose", account=None)
    url = (tmp_path / "compose" / "payment" / "payment_wechat_pay_url").read_text()
    assert url == containers()["simulator"]["environment"]["SIMULATOR_PUBLIC_URL"]
    assert containers()["simulator"]["environment"]["SIMULATOR_PORT"] == SIMULATOR_PORT
    shop = (tmp_path / "compose" / "payment" / "payment_public_url").read_text()
    assert shop == f"http://gateway-app:{HTTP_PORT}"


def test_the_versions_are_named() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    assert "python:3.11-slim" in dockerfile
    for name in ("postgres", "rabbitmq"):
        assert re.fullmatch(rf"{name}:\d+[\w.-]*", containers()[name]["image"])
