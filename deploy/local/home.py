"""Where the platform keeps its data when it runs on this machine."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("JISHI_HOME", PROJECT / ".jishi")).absolute()
POSTGRES = HOME / "postgres"
RABBITMQ = HOME / "rabbitmq"
BACKUPS = Path(os.environ.get("JISHI_BACKUPS", HOME / "backups")).absolute()
CHILDREN = HOME / "children"
