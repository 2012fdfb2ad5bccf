"""``python -m deploy.compose.down [--volumes]``: stop the containers, and with ``--volumes`` delete their data."""

import subprocess
import sys

from deploy.compose.secrets import FOLDER
from deploy.local.home import PROJECT
from deploy.local.rabbitmq_container import docker_answers


def main() -> None:
    """Stop what `make up` started; nothing to do where it never ran or Docker does not answer."""
    if FOLDER.exists() and docker_answers():
        sys.exit(subprocess.run(["docker", "compose", "down", *sys.argv[1:]], cwd=PROJECT).returncode)


if __name__ == "__main__":
    main()
