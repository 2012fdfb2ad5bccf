"""The analytics service's HTTP process, which owns the facts."""

from fastapi import FastAPI

from services.analytics.collect.api import router as collect
from services.analytics.funnels.api import router as funnels
from services.analytics.metrics.api import router as metrics
from services.analytics.resources import AnalyticsResources, open_resources
from services.analytics.settings import Settings
from shared.http.app import create_service_app
from shared.process import serve


def create_app(resources: AnalyticsResources) -> FastAPI:
    """The analytics service's routes."""
    return create_service_app(resources, collect, metrics, funnels, title="Jishi analytics")


def main() -> None:
    """Serve until told to stop."""
    serve("analytics", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
