"""The platform's apps and reactions, made for reading only: nothing is connected to."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from deploy.layout import GATEWAY, PACKAGES
from deploy.local.configuration import apply, configure
from deploy.local.platform import open_platform
from deploy.local.postgres_roles import DatabaseUrls
from gateway.app import Gateway
from shared.messaging.reactions import Reaction
from simulator.merchant import generate

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"


@dataclass(frozen=True, slots=True)
class DescribedPlatform:
    """What the documents tell about: each service's app, and every reaction."""

    apps: Mapping[str, FastAPI]
    reactions: list[Reaction]


async def described_platform() -> DescribedPlatform:
    """Make every app and worker from settings that lead nowhere."""
    with tempfile.TemporaryDirectory(prefix="jishi-docs-") as name:
        folder = Path(name)
        generate(folder / "merchant")
        environment = configure(
            folder,
            databases={name: DatabaseUrls(NOWHERE, NOWHERE) for name in PACKAGES},
            amqp_urls={},
            merchant_folder=folder / "merchant",
            simulator_url="http://127.0.0.1:1",
            public_url="http://127.0.0.1:1",
        )
        (folder / "secrets" / "gateway_owner_password").unlink()
        apply(environment)
        async with open_platform(working=False) as platform:
            apps: dict[str, FastAPI] = {}
            for service, app in platform.apps.items():
                inner = app.own if isinstance(app, Gateway) else app
                assert isinstance(inner, FastAPI)
                apps[service] = inner
            reactions = [reaction for worker in platform.workers.values() for reaction in worker.reactions]
            assert GATEWAY in apps
            return DescribedPlatform(apps, sorted(reactions, key=lambda reaction: reaction.name))
