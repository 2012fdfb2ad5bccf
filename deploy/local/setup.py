"""Make the project's virtual environment: `python3 deploy/local/setup.py [--dev]`.

Runs on the system's Python before anything is installed, so it imports the standard library only, and is written so
that an old Python can read it far enough to say that it is too old. Needs no root, and no network once installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(PROJECT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
LOCKS = {
    "requirements.lock": "what the platform runs on (once, about 190 MB to fetch)",
    "requirements-dev.lock": "what tests and checks use (once, about 70 MB to fetch)",
}


def main(arguments: "list[str]") -> None:
    """Bring the environment up to the locks; with --dev also to that of tests and checks."""
    locks = list(LOCKS) if "--dev" in arguments else ["requirements.lock"]
    missing = [lock for lock in locks if installed(lock) != digest(lock)]
    if not missing:
        return
    if not os.path.exists(os.path.join(VENV, "bin", "pip")) or not works(PYTHON):
        make_environment()
    for lock in missing:
        install(lock)


def hand_over_to_a_newer_python() -> None:
    """Start again in the newest Python of this machine that will do; ends with a sentence when there is none."""
    for name in NEWER_NAMES:
        path = shutil.which(name)
        if path and works(path):
            os.execv(path, [path, *sys.argv])
    sys.exit(
        f"Jishi needs Python 3.11 or newer; this machine's python3 is {version(2)}.\n{how_to_get_python()}"
    )


def how_to_get_python() -> str:
    """The command that brings a newer Python here."""
    if shutil.which("brew"):
        return "Run: brew install python@3.13"
    if shutil.which("apt-get"):
        return "Run: sudo apt-get install python3.11 python3.11-venv (on older releases, upgrade the system)"
    if shutil.which("dnf"):
        return "Run: sudo dnf install python3.12"
    return "Install it with your system's package manager, then run make again."


def works(python: str) -> bool:
    """Whether a Python starts and is new enough."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return (
            subprocess.call([python, "-c", check], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
        )
    except OSError:
        return False


def make_environment() -> None:
    """A new virtual environment with pip, from what Python itself brings."""
    if sys.version_info < OLDEST:
        hand_over_to_a_newer_python()
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        sys.exit(
            "This Python cannot make virtual environments: Debian and Ubuntu keep that in a package of its own.\n"
            f"Run: sudo apt-get install python{version(2)}-venv"
        )
    say(f"Making .venv with Python {version(3)}")
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", VENV], f"The virtual environment could not be made in {VENV}.")


def install(lock: str) -> None:
    """Install a lock's packages, each checked against its hash; its dependencies are all in the lock."""
    say(f"Installing {LOCKS[lock]}")
    began = time.time()
    run(
        [
            *(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:"),
            *("--no-compile", "-r", os.path.join(PROJECT, lock)),
        ],
        f"pip could not install {lock}. Is there a connection to the package index?",
    )
    with open(stamp(lock), "w") as file:
        file.write(digest(lock))
    say(f"  done in {round(time.time() - began)} s")


def run(command: "list[str]", sentence: str) -> None:
    """Run a command quietly; ends with the sentence and the command's last words when it fails."""
    done = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    output = done.communicate()[0]
    if done.returncode:
        sys.exit("\n".join([sentence, *output.strip().split("\n")[-8:]]))


def digest(lock: str) -> str:
    """What a lock says, in short."""
    with open(os.path.join(PROJECT, lock), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def stamp(lock: str) -> str:
    """Where the environment notes the lock it has."""
    return os.path.join(VENV, lock + ".sha256")


def installed(lock: str) -> str:
    """The digest of the lock that the environment has; empty for none."""
    if not os.path.exists(PYTHON) or not os.path.exists(stamp(lock)):
        return ""
    with open(stamp(lock)) as file:
        return file.read()


def version(parts: int) -> str:
    """This Python's version, to so many parts."""
    return ".".join(str(part) for part in sys.version_info[:parts])


def say(line: str) -> None:
    """Tell the person who waits."""
    print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
