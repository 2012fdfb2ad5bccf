"""The member service's HTTP process."""

from fastapi import FastAPI

from services.member.addresses.api import router as addresses
from services.member.consents.api import router as consents
from services.member.levels.api import router as levels
from services.member.logins.api import router as logins
from services.member.members.api import router as members
from services.member.phones.api import router as phones
from services.member.points.api import router as points
from services.member.resources import MemberResources, open_resources
from services.member.settings import Settings
from shared.http.app import create_service_app
from shared.process import serve


def create_app(resources: MemberResources) -> FastAPI:
    """The member service's routes; what checkout waits for comes first."""
    return create_service_app(
        resources, members, logins, consents, phones, addresses, levels, points, title="Jishi member"
    )


def main() -> None:
    """Serve until told to stop."""
    serve("member", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
