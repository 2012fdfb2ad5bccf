"""Where the platform keeps its data when it runs on this machine."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HOME = PROJECT / ".jishi"
POSTGRES = HOME / "postgres"
RABBITMQ = HOME / "rabbitmq"
