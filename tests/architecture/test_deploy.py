"""Every way of starting the platform agrees with the code: processes, settings, secrets, ports, queues."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from deploy.compose.secrets import make_secrets as make_compose_secrets
from deploy.k8s.secrets import make_secrets as make_k8s_secrets
from deploy.layout import APPS, GATEWAY, PACKAGES, PROCESSES, SERVICES, WORKERS
from deploy.local.home import PROJECT
from docs.platform import described_platform
from shared.settings import SECRETS_FOLDER
from tests.architecture.manifests import (
    HTTP_PORT,
    WORKER_PORT,
    compose,
    container_name,
    literals_of,
    settings_class,
    settings_of,
    source,
)

OWN_VARIABLES = {"JISHI_MODULE"}
NOT_SETTINGS = {"keyring.json"}


@pytest.fixture(scope="module")
def k8s_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("k8s") / "secrets"
    make_k8s_secrets("production", folder)
    return folder


@pytest.fixture(scope="module")
def compose_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    make_compose_secrets(folder, account=None)
    return folder


@pytest.mark.parametrize("service", PACKAGES)
def test_every_variable_is_a_setting_of_its_service(service: str) -> None:
    fields = settings_class(service).model_fields
    for name in (settings_of(service) | literals_of(service)).keys() - OWN_VARIABLES:
        prefix, _, setting = name.partition("_")
        assert prefix == service.upper()
        assert setting.lower() in fields, name


@pytest.mark.parametrize("service", PACKAGES)
def test_every_secret_file_is_a_setting_or_named_by_one(
    service: str, k8s_secrets: Path, compose_secrets: Path
) -> None:
    fields = settings_class(service).model_fields
    named = {Path(value).name for name, value in settings_of(service).items() if name.endswith("_FILE")}
    for folder in (k8s_secrets, compose_secrets):
        files = {path.name for path in (folder / service).iterdir()}
        assert named <= files
        for file in files - named:
            assert file.startswith(f"{service}_"), file
            assert file.removeprefix(f"{service}_") in fields, file


@pytest.mark.parametrize("service", PACKAGES)
def test_a_service_starts_with_what_compose_gives_it(
    service: str, compose_secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_of(service).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(SECRETS_FOLDER, str(compose_secrets / service))
    settings = settings_class(service).from_environment()
    assert settings.database_url.get_secret_value().startswith(f"postgresql+asyncpg://{service}:")
    assert settings.migration_database_url is None
    if service != GATEWAY:
        assert settings.amqp_url.get_secret_value().startswith(f"amqp://{service}:")
    assert (settings.host, settings.port) == ("0.0.0.0", HTTP_PORT)


def test_only_the_migrations_hold_the_owners_urls(k8s_secrets: Path, compose_secrets: Path) -> None:
    for folder in (k8s_secrets, compose_secrets):
        owners = {f"{name}_migration_database_url" for name in PACKAGES}
        assert {path.name for path in (folder / "migrations").iterdir()} == owners
        for service in PACKAGES:
            for path in (folder / service).iterdir():
                assert "_owner:" not in path.read_text()


def test_secrets_that_are_there_are_kept(compose_secrets: Path, k8s_secrets: Path) -> None:
    def contents(folder: Path) -> dict[Path, str]:
        return {path: path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}

    before = contents(compose_secrets)
    make_compose_secrets(compose_secrets, account=None)
    assert contents(compose_secrets) == before
    account = k8s_secrets / "wechat_account" / "merchant.json"
    filled_in = json.loads(account.read_text()) | {"mchid": "1900000001"}
    account.write_text(json.dumps(filled_in))
    (k8s_secrets / "backup_store" / "access_key_id").write_text("known")
    before = contents(k8s_secrets)
    make_k8s_secrets("production", k8s_secrets)
    after = contents(k8s_secrets)
    changed = {str(path.relative_to(k8s_secrets)) for path in after if after[path] != before.get(path)}
    assert changed == {"payment/payment_wechat_pay_mchid"}
    assert after[k8s_secrets / "payment" / "payment_wechat_pay_mchid"] == "1900000001"


def test_what_the_merchant_must_fill_in_is_named(tmp_path: Path) -> None:
    assert make_k8s_secrets("small", tmp_path / "secrets") == [
        "wechat_account/apiclient_key.pem",
        "wechat_account/merchant.json",
        "wechat_account/pub_key.pem",
    ]
    with pytest.raises(ValueError, match="is not filled in: member_wechat_app_secret, member_wechat_appid"):
        make_compose_secrets(tmp_path / "compose", account=tmp_path / "secrets" / "wechat_account")


@pytest.mark.parametrize("service", PACKAGES)
def test_a_service_knows_the_addresses_of_those_it_calls_at_the_port_they_listen_on(service: str) -> None:
    settings = settings_of(service)
    prefix = service.upper()
    assert settings[f"{prefix}_PORT"] == str(HTTP_PORT)
    if service != GATEWAY:
        assert settings[f"{prefix}_WORKER_PORT"] == str(WORKER_PORT)
    urls = json.loads(settings.get(f"{prefix}_SERVICE_URLS", "{}"))
    assert urls == {name: f"http://{name}-app:{HTTP_PORT}" for name in urls}


def test_every_process_has_a_container_and_every_container_a_process() -> None:
    others = {"postgres", "rabbitmq", "migrations", "simulator"}
    containers = compose()["services"]
    assert containers.keys() == {container_name(process) for process in PROCESSES} | others
    for process in PROCESSES:
        assert containers[container_name(process)]["command"] == ["-m", process.module]
        assert settings_of(process.service)["JISHI_MODULE"] == PACKAGES[process.service]
    (base,) = source("base/kustomization.yaml")
    assert {*PACKAGES} <= set(base["resources"])
    for kind, processes in (("app", APPS), ("worker", WORKERS)):
        deployment = next(m for m in source(f"base/service/{kind}.yaml") if m["kind"] == "Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["-m", f"$(JISHI_MODULE).{kind}"]
        assert {process.module for process in processes} == {
            f"{PACKAGES[process.service]}.{kind}" for process in processes
        }


def test_every_reactions_queue_scales_its_worker_and_no_other_queue_is_named() -> None:
    queues: dict[str, set[str]] = {}
    for scaled in source("overlays/production/worker-autoscalers.yaml"):
        if scaled["kind"] == "ScaledObject":
            name = scaled["metadata"]["name"]
            assert scaled["spec"]["scaleTargetRef"] == {"name": name}
            triggers = [trigger["metadata"]["queueName"] for trigger in scaled["spec"]["triggers"]]
            assert len(triggers) == len(set(triggers))
            queues[name] = set(triggers)
    reactions = {reaction.name for reaction in asyncio.run(described_platform()).reactions}
    assert queues == {
        f"{service}-worker": {name for name in reactions if name.startswith(f"{service}.")}
        for service in SERVICES
    }


def test_every_app_scales() -> None:
    scalers = source("overlays/production/app-autoscalers.yaml")
    targets = [scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers]
    assert targets == [f"{name}-app" for name in PACKAGES]
    assert [scaler["metadata"]["name"] for scaler in scalers] == targets


def test_postgres_has_a_connection_for_every_process_that_may_run() -> None:
    pools = {name: settings_class(name).model_fields["database_pool_size"].default for name in PACKAGES}
    most = {
        scaler["metadata"]["name"]: scaler["spec"].get("maxReplicas") or scaler["spec"]["maxReplicaCount"]
        for path in ("app-autoscalers", "worker-autoscalers")
        for scaler in source(f"overlays/production/{path}.yaml")
        if scaler["kind"] != "TriggerAuthentication"
    }
    # A rolling update starts one more of each.
    wanted = sum((replicas + 1) * pools[name.rpartition("-")[0]] for name, replicas in most.items())
    overlay = (PROJECT / "deploy/k8s/overlays/production/kustomization.yaml").read_text()
    limit = re.search(r'max_connections, value: "(\d+)"', overlay)
    assert limit is not None
    assert wanted + 10 <= int(limit[1])
    assert len(PROCESSES) * 10 + 10 <= 200


def test_the_image_is_made_of_locked_packages_and_runs_as_nobody_in_particular() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    packages, image = dockerfile.split("\nFROM ${PYTHON} AS ")[1:]
    assert "--require-hashes" in packages
    assert "-r requirements.lock" in packages
    assert "USER 10001:10001" in image
    assert f"{SECRETS_FOLDER}=/run/jishi" in image
    copied = set(re.findall(r"^COPY (\w+) \1$", image, re.MULTILINE))
    assert copied == {"gateway", "services", "shared", "simulator", "deploy"}
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == copied | {"requirements.lock"}
