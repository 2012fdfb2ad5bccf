"""The kustomization that turns a folder of secret files into Kubernetes secrets."""

from pathlib import Path
from typing import Any

import orjson

from deploy.layout import PACKAGES
from deploy.secret_files import MIGRATIONS

RELOADED = {"cnpg.io/reload": "true"}
"""CloudNativePG gives a role its new password when a secret with this label changes."""


def kustomization(folder: Path) -> str:
    """A secret for each service, the migrations, each role of PostgreSQL, the broker, the autoscaler and the backups.

    The services' names carry a digest of their content, so that a changed secret rolls the processes that read it. The
    operators' resources name theirs, which kustomize does not see into: those keep their names. JSON is YAML.
    """
    generators = [_secret(f"{name}-secrets", folder, name) for name in (*PACKAGES, MIGRATIONS)]
    generators += [
        _named(_secret(f"{role.name.replace('_', '-')}-role", folder, f"roles/{role.name}"), labels=RELOADED)
        | {"type": "kubernetes.io/basic-auth"}
        for role in sorted((folder / "roles").iterdir())
    ]
    generators.append(_named(_files("rabbitmq-definitions", ["rabbitmq/definitions.json"])))
    generators.append(_named(_files("keda-rabbitmq", ["rabbitmq/host"])))
    if (folder / "backup_store").exists():
        generators.append(_named(_secret("backup-store", folder, "backup_store")))
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "secretGenerator": generators,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _secret(name: str, folder: Path, part: str) -> dict[str, Any]:
    return _files(name, sorted(f"{part}/{path.name}" for path in (folder / part).iterdir()))


def _files(name: str, files: list[str]) -> dict[str, Any]:
    return {"name": name, "files": files}


def _named(generator: dict[str, Any], **options: Any) -> dict[str, Any]:
    return generator | {"options": {"disableNameSuffixHash": True, **options}}
