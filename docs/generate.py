"""``make docs``: write the generated documents: the clients' OpenAPI, the AsyncAPI document, the event catalogue."""

import asyncio
from pathlib import Path

from docs.asyncapi import asyncapi, event_catalogue
from docs.openapi import merged_openapi
from docs.platform import described_platform

ROOT = Path(__file__).resolve().parents[1]


def documents() -> dict[Path, str]:
    """Every generated document by its path."""
    platform = asyncio.run(described_platform())
    return {
        ROOT / "gateway" / "docs" / "openapi.json": merged_openapi(platform.apps),
        ROOT / "docs" / "asyncapi.json": asyncapi(platform.reactions),
        ROOT / "docs" / "events.md": event_catalogue(platform.reactions),
    }


def main() -> None:
    """Write them."""
    for path, text in documents().items():
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
