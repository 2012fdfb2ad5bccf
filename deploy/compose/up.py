"""``make up``: the whole platform in containers."""

import subprocess
import sys

from deploy.compose.secrets import FOLDER, make_from_environment
from deploy.layout import GATEWAY_PORT, SIMULATOR_PORT
from deploy.local.home import PROJECT
from deploy.local.rabbitmq_container import docker_answers

NO_DOCKER = (
    "Docker does not answer: install it, or start it. `make up-local` runs the same processes without Docker."
)


def main() -> None:
    """Make the secrets, build the image, start everything and wait until it is healthy."""
    if not docker_answers():
        sys.exit(NO_DOCKER)
    account = make_from_environment()
    command = ["docker", "compose", "up", "--detach", "--build", "--wait", "--remove-orphans"]
    if account:
        command += ["--scale", "simulator=0"]
    if code := subprocess.run(command, cwd=PROJECT).returncode:
        sys.exit(code)
    simulator = "" if account else f"    WeChat simulator        http://127.0.0.1:{SIMULATOR_PORT}/\n"
    print(
        f"""
  The platform is up:

    Shop and operator API   http://127.0.0.1:{GATEWAY_PORT}
    API documents           http://127.0.0.1:{GATEWAY_PORT}/docs
{simulator}    Operator login          owner / {(FOLDER / "gateway" / "gateway_owner_password").read_text()}
    Logs                    docker compose logs --follow

    `make down` stops everything; the data stays. `make reset` starts over."""
    )


if __name__ == "__main__":
    main()
