"""The deployment files as data: the sources, and the overlays as kustomize renders them with freshly made secrets."""

import importlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.k8s.secrets import make_secrets
from deploy.layout import PACKAGES, Process
from deploy.local.home import PROJECT
from shared.settings import ServiceSettings

K8S = PROJECT / "deploy" / "k8s"
BASE = K8S / "base"
OVERLAYS = ("small", "production")
HTTP_PORT, WORKER_PORT = 8000, 8001

Manifest = dict[str, Any]


def manifests(path: Path) -> list[Manifest]:
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def source(path: str) -> list[Manifest]:
    """The documents of a file below deploy/k8s."""
    return manifests(K8S / path)


def compose() -> Manifest:
    """docker-compose.yml."""
    (document,) = manifests(PROJECT / "docker-compose.yml")
    return document


def container_name(process: Process) -> str:
    """What a process is called where it runs in a container: ``order-app``, ``order-worker``."""
    return process.name if process.name.endswith("-worker") else f"{process.name}-app"


def settings_class(service: str) -> type[ServiceSettings]:
    """A service's Settings."""
    found: type[ServiceSettings] = importlib.import_module(f"{PACKAGES[service]}.settings").Settings
    return found


def settings_of(service: str) -> dict[str, str]:
    """The variables of a service's settings.env, which compose and Kubernetes share."""
    lines = (BASE / service / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line)


def literals_of(service: str) -> dict[str, str]:
    """The variables that only Kubernetes sets."""
    (kustomization,) = source(f"base/{service}/kustomization.yaml")
    (generator,) = kustomization["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generator.get("literals", []))


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """An overlay as `kubectl apply -k` would send it; skips the test where there is no kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("rendering needs kubectl: https://kubernetes.io/docs/tasks/tools/")
    with tempfile.TemporaryDirectory(prefix="jishi-k8s-") as copy:
        shutil.copytree(K8S, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("secrets", "*.py"))
        folder = Path(copy) / "overlays" / overlay
        make_secrets(overlay, folder / "secrets")
        answer = subprocess.run(
            ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60
        )
    assert answer.returncode == 0, answer.stderr
    return tuple(document for document in yaml.safe_load_all(answer.stdout) if document)


def of_kind(overlay: str, *kinds: str) -> Iterator[Manifest]:
    """The rendered resources of some kinds."""
    return (manifest for manifest in rendered(overlay) if manifest["kind"] in kinds)


def names(found: Iterator[Manifest]) -> set[str]:
    """The names of resources."""
    return {manifest["metadata"]["name"] for manifest in found}
