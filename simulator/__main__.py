"""`python -m simulator`: serve until stopped."""

import uvicorn

from simulator.app import create_app
from simulator.settings import IDLE_SECONDS, SimulatorSettings


def main() -> None:
    """Start with the `SIMULATOR_…` settings of the environment."""
    settings = SimulatorSettings()
    print(f"WeChat simulator: {settings.base_url}/  (keys and books in {settings.folder})", flush=True)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=IDLE_SECONDS,
        # A call that a fault leaves hanging must not keep the process from stopping.
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
