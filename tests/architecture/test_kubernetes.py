"""The rendered overlays: valid for the API server and the operators, locked down, and whole."""

import logging
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from deploy.layout import PACKAGES, PROCESSES, SERVICES
from shared.http.connections import KEPT_ALIVE_SECONDS
from shared.process import STOP_SECONDS
from tests.architecture.custom_resources import FIELDS, unknown_fields
from tests.architecture.manifests import (
    HTTP_PORT,
    OVERLAYS,
    WORKER_PORT,
    Manifest,
    container_name,
    names,
    of_kind,
    rendered,
)

VERSION = "1.32"
WITH_PODS = ("Deployment", "Job")

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def pods(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return (
        (manifest["metadata"]["name"], manifest["spec"]["template"]["spec"])
        for manifest in of_kind(overlay, *WITH_PODS)
    )


def test_every_resource_is_valid(overlay: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    kinds = set()
    for manifest in rendered(overlay):
        kind = (manifest["apiVersion"], manifest["kind"])
        kinds.add(kind)
        if kind in FIELDS:
            assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
            assert unknown_fields(manifest["spec"], FIELDS[kind]) == []
        else:
            kubernetes_validate.validate(manifest, VERSION, strict=True)
    used_in_production_only = {"ScaledObject", "TriggerAuthentication", "ObjectStore", "ScheduledBackup"}
    expected = {kind for kind in FIELDS if overlay == "production" or kind[1] not in used_in_production_only}
    assert expected <= kinds


def test_every_resource_but_the_namespace_is_in_it(overlay: str) -> None:
    spaces = {manifest["metadata"].get("namespace") for manifest in rendered(overlay)}
    assert spaces == {None, "jishi"}
    assert [
        manifest["kind"] for manifest in rendered(overlay) if "namespace" not in manifest["metadata"]
    ] == ["Namespace"]
    (namespace,) = of_kind(overlay, "Namespace")
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    assert namespace["metadata"]["labels"] == levels


def test_there_is_a_deployment_for_each_process(overlay: str) -> None:
    wanted = {container_name(process) for process in PROCESSES}
    assert names(of_kind(overlay, "Deployment")) == wanted | {"wechat-egress"}
    assert names(of_kind(overlay, "Service")) == {f"{name}-app" for name in PACKAGES} | {"wechat-egress"}


def test_every_pod_is_restricted(overlay: str) -> None:
    for name, pod in pods(overlay):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] >= 100, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name
            assert ":" in container["image"], name
    (broker,) = of_kind(overlay, "RabbitmqCluster")
    override = broker["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]
    for container in override["containers"] + override["initContainers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_every_process_is_watched_and_ends_in_order(overlay: str) -> None:
    for deployment in of_kind(overlay, "Deployment"):
        name = deployment["metadata"]["name"]
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        probes = {"startupProbe", "livenessProbe", "readinessProbe"}
        assert probes <= container.keys(), name
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert {container[probe]["httpGet"]["port"] for probe in probes} <= ports.keys(), name
        if name.endswith("-app"):
            assert ports == {"http": HTTP_PORT}
            assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
        elif name.endswith("-worker"):
            assert ports == {"health": WORKER_PORT}
        else:
            assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5
        assert pod["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname", name


def test_an_app_serves_on_while_its_callers_go_elsewhere_and_ends_in_time(overlay: str) -> None:
    settings = {each["metadata"]["name"]: each["data"] for each in of_kind(overlay, "ConfigMap")}
    apps = 0
    for deployment in of_kind(overlay, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        given = settings[container["envFrom"][0]["configMapRef"]["name"]] if "envFrom" in container else {}
        drain = [float(value) for name, value in given.items() if name.endswith("_DRAIN_SECONDS")]
        if deployment["metadata"]["name"].endswith("-app"):
            apps += 1
            assert drain[0] > KEPT_ALIVE_SECONDS
            assert drain[0] + STOP_SECONDS <= 30 <= pod["terminationGracePeriodSeconds"]
    assert apps == 7


def test_secrets_and_settings_are_there_and_come_as_files_and_variables(overlay: str) -> None:
    secrets = names(of_kind(overlay, "Secret"))
    settings = names(of_kind(overlay, "ConfigMap"))
    for name, pod in pods(overlay):
        for container in pod["containers"]:
            assert "env" not in container, name
            for source in container.get("envFrom", []):
                assert source["configMapRef"]["name"] in settings, name
        for volume in pod["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["secretName"] in secrets, name
                assert volume["secret"]["defaultMode"] == 0o440, name
    (cluster,) = of_kind(overlay, "Cluster")
    roles = {role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]}
    assert roles | {cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"]} <= secrets
    (broker,) = of_kind(overlay, "RabbitmqCluster")
    volumes = broker["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]["volumes"]
    assert {volume["secret"]["secretName"] for volume in volumes} <= secrets
    for target in of_kind(overlay, "TriggerAuthentication"):
        assert {entry["name"] for entry in target["spec"]["secretTargetRef"]} <= secrets


def test_every_service_has_its_own_secret_and_settings(overlay: str) -> None:
    for deployment in of_kind(overlay, "Deployment"):
        service, _, kind = deployment["metadata"]["name"].rpartition("-")
        if service not in PACKAGES:
            continue
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["volumes"][0]["secret"]["secretName"].startswith(f"{service}-secrets-"), kind
        assert container["envFrom"][0]["configMapRef"]["name"].startswith(f"{service}-settings-"), kind
        assert pod["serviceAccountName"] == f"{service}-{kind}"
        assert deployment["spec"]["selector"]["matchLabels"] == {
            "app.kubernetes.io/name": service,
            "app.kubernetes.io/part-of": "jishi",
            "app.kubernetes.io/component": kind,
        }


def test_every_service_has_a_database_with_an_owner_and_a_role_of_its_own(overlay: str) -> None:
    (cluster,) = of_kind(overlay, "Cluster")
    first = cluster["spec"]["bootstrap"]["initdb"]
    owners = {first["database"]: first["owner"]} | {
        database["spec"]["name"]: database["spec"]["owner"] for database in of_kind(overlay, "Database")
    }
    assert owners == {name: f"{name}_owner" for name in PACKAGES}
    roles = {role["name"] for role in cluster["spec"]["managed"]["roles"]}
    assert roles | {first["owner"]} == {role for name in PACKAGES for role in (name, f"{name}_owner")}


def test_copies_are_as_many_as_the_overlay_promises(overlay: str) -> None:
    replicas = {m["metadata"]["name"]: m["spec"].get("replicas") for m in of_kind(overlay, "Deployment")}
    budgets = names(of_kind(overlay, "PodDisruptionBudget"))
    (postgres,) = of_kind(overlay, "Cluster")
    (broker,) = of_kind(overlay, "RabbitmqCluster")
    sizes = (postgres["spec"]["instances"], broker["spec"]["replicas"])
    synchronous = postgres["spec"]["postgresql"].get("synchronous", {}).get("dataDurability")
    if overlay == "small":
        assert set(replicas.values()) == {1}
        assert budgets == set()
        assert (sizes, synchronous) == ((1, 1), None)
    else:
        scaled: list[Manifest] = [
            *of_kind(overlay, "HorizontalPodAutoscaler"),
            *of_kind(overlay, "ScaledObject"),
        ]
        assert {m["metadata"]["name"] for m in scaled} == replicas.keys() - {"wechat-egress"}
        assert {m["spec"].get("minReplicas") or m["spec"]["minReplicaCount"] for m in scaled} == {2}
        assert {name: count for name, count in replicas.items() if count is not None} == {"wechat-egress": 2}
        assert budgets == replicas.keys()
        assert (sizes, synchronous) == ((3, 3), "required")


def test_the_facts_have_one_owner(overlay: str) -> None:
    owners = [name for name, pod in pods(overlay) if any(v["name"] == "facts" for v in pod["volumes"])]
    assert owners == (["analytics-app"] if overlay == "small" else [])
    for deployment in of_kind(overlay, "Deployment"):
        if deployment["metadata"]["name"] in owners:
            assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_a_network_policy_picks_pods_that_exist(overlay: str) -> None:
    pod_names = {*PACKAGES, "wechat-egress", "jishi-rabbitmq", "migrations"}
    assert {*SERVICES} < pod_names
    for policy in of_kind(overlay, "NetworkPolicy"):
        chosen = policy["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name")
        assert chosen is None or chosen in pod_names, policy["metadata"]["name"]
