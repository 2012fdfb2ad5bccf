"""Documents are in step with the code."""

import re
from pathlib import Path

import pytest

from deploy.layout import SERVICES
from docs.generate import documents
from shared.events import EVENT_TYPES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generated() -> dict[Path, str]:
    """The generated documents as they should be."""
    return documents()


def test_generated_documents_are_fresh(generated: dict[Path, str]) -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in generated.items() if path.read_text() != text]
    assert stale == [], "run `make docs`"


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_one_page_with_the_four_headings(service: str) -> None:
    page = (ROOT / "services" / service / "README.md").read_text()
    assert re.findall(r"^## (.+)$", page, flags=re.MULTILINE)[:4] == [
        "Owns",
        "Announces",
        "Listens to",
        "Promises",
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_page_names_every_event_it_announces(service: str) -> None:
    page = (ROOT / "services" / service / "README.md").read_text()
    announced = {event.__name__ for event in EVENT_TYPES.values() if event.announced_by == service}
    assert {name for name in announced if name not in page} == set()
