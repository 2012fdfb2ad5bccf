"""The fields of the operators' resources that we use, as their reference documents name them.

``ANY`` stands for what is free, a list for a list of such items. CloudNativePG 1.26, its barman-cloud plugin 0.5, RabbitMQ
cluster operator 2.13, KEDA 2.17.
"""

from typing import Any

ANY = object()

_POD = {"securityContext": ANY, "containers": ANY, "initContainers": ANY, "volumes": ANY}

FIELDS: dict[tuple[str, str], Any] = {
    ("postgresql.cnpg.io/v1", "Cluster"): {
        "instances": ANY,
        "imageName": ANY,
        "enableSuperuserAccess": ANY,
        "storage": {"size": ANY, "storageClass": ANY},
        "walStorage": {"size": ANY, "storageClass": ANY},
        "resources": {"requests": ANY, "limits": ANY},
        "postgresql": {
            "parameters": ANY,
            "synchronous": {"method": ANY, "number": ANY, "dataDurability": ANY},
        },
        "bootstrap": {
            "initdb": dict.fromkeys(
                (
                    *("database", "owner", "secret", "encoding", "localeProvider", "builtinLocale"),
                    *("localeCollate", "localeCType"),
                ),
                ANY,
            )
        },
        "managed": {"roles": [{"name": ANY, "login": ANY, "passwordSecret": {"name": ANY}}]},
        "affinity": {"enablePodAntiAffinity": ANY, "topologyKey": ANY},
        "plugins": [{"name": ANY, "isWALArchiver": ANY, "parameters": {"barmanObjectName": ANY}}],
    },
    ("postgresql.cnpg.io/v1", "Database"): {"cluster": {"name": ANY}, "name": ANY, "owner": ANY},
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): {
        "cluster": {"name": ANY},
        "schedule": ANY,
        "backupOwnerReference": ANY,
        "method": ANY,
        "pluginConfiguration": {"name": ANY},
    },
    ("barmancloud.cnpg.io/v1", "ObjectStore"): {
        "retentionPolicy": ANY,
        "configuration": {
            "destinationPath": ANY,
            "endpointURL": ANY,
            "s3Credentials": {
                "accessKeyId": {"name": ANY, "key": ANY},
                "secretAccessKey": {"name": ANY, "key": ANY},
            },
            "wal": {"compression": ANY},
            "data": {"compression": ANY},
        },
    },
    ("rabbitmq.com/v1beta1", "RabbitmqCluster"): {
        "replicas": ANY,
        "image": ANY,
        "persistence": {"storage": ANY, "storageClassName": ANY},
        "resources": {"requests": ANY, "limits": ANY},
        "rabbitmq": {"additionalConfig": ANY},
        "override": {"statefulSet": {"spec": {"template": {"spec": _POD}}}},
    },
    ("keda.sh/v1alpha1", "TriggerAuthentication"): {
        "secretTargetRef": [{"parameter": ANY, "name": ANY, "key": ANY}]
    },
    ("keda.sh/v1alpha1", "ScaledObject"): {
        "scaleTargetRef": {"name": ANY},
        "minReplicaCount": ANY,
        "maxReplicaCount": ANY,
        "triggers": [
            {
                "type": ANY,
                "metadata": {"protocol": ANY, "mode": ANY, "queueName": ANY, "value": ANY},
                "authenticationRef": {"name": ANY},
            }
        ],
    },
}


def unknown_fields(value: Any, known: Any, path: str = "spec") -> list[str]:
    """The paths of fields that are not known."""
    if known is ANY:
        return []
    if isinstance(known, list):
        assert isinstance(value, list), path
        return [
            found
            for at, item in enumerate(value)
            for found in unknown_fields(item, known[0], f"{path}[{at}]")
        ]
    assert isinstance(value, dict), path
    found = [f"{path}.{name}" for name in value if name not in known]
    for name in value.keys() & known.keys():
        found += unknown_fields(value[name], known[name], f"{path}.{name}")
    return found
