"""What a runner says once everything answers."""

from deploy.local.ground import LOGS, Ground
from deploy.local.progress import Progress


def welcome(opened: str, ground: Ground, progress: Progress) -> None:
    """Print the addresses and the operator's login."""
    print(
        f"""
  {opened} ({progress.elapsed():.1f} s):

    Shop and operator API   {ground.url}
    API documents           {ground.url}/docs
    WeChat simulator        {ground.simulator_url}/  (play the buyer here)
    Operator login          owner / {ground.owner_password}
    Logs                    {LOGS}

    `make journey` in another terminal plays a shopper's journey. Ctrl-C (or `make down`) stops everything;
    the data stays. `make reset` starts over.
""",
        flush=True,
    )
