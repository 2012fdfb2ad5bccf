"""A process that does nothing for a minute."""

import time


def main() -> None:
    """Sleep."""
    time.sleep(60)


if __name__ == "__main__":
    main()
