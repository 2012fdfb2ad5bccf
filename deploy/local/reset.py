"""``make reset``: delete the data of this machine's shop."""

import shutil
import sys

from deploy.local.down import stop_all
from deploy.local.folder import LocalServerError
from deploy.local.home import HOME


def main() -> None:
    """Stop what runs, then delete its data."""
    try:
        stop_all()
    except LocalServerError as error:
        sys.exit(str(error))
    if HOME.exists():
        shutil.rmtree(HOME)
        print(f"Deleted {HOME}. `make run` opens a new shop.")
    else:
        print("There was nothing to delete.")


if __name__ == "__main__":
    main()
