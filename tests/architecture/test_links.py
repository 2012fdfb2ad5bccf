"""What documents point at is there: links and their anchors, make targets, paths of the project."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]

FENCE = re.compile(r"^ *(```+|~~~+)[^\n]*\n(.*?)^ *\1 *$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^\n?|\n\n)((?: {4}[^\n]*\n?)+)")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
IMAGE = re.compile(r"<img[^>]* src=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
MAKE = re.compile(r"(?:^|[;&|(]) *(?:[A-Z_]+=\S+ +)*make +([a-z][a-z-]*)", re.MULTILINE)
ENDINGS = ("py", "md", "toml", "yaml", "yml", "env", "html", "css", "js", "csv", "svg", "conf", "lock")
PATH = re.compile(r"\.?[\w<*][\w.<>*-]*(/[\w.<>*-]+)*/?")


@cache
def project_paths() -> frozenset[str]:
    """Every file of the project, known to git or about to be, and every folder with a trailing slash."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = {name for name in listed.split("\0") if name and (ROOT / name).exists()}
    folders = {f"{parent}/" for name in files for parent in Path(name).parents if parent != Path()}
    return frozenset(files | folders)


def documents() -> list[str]:
    """The Markdown files of the project."""
    return sorted(path for path in project_paths() if path.endswith(".md"))


def prose(text: str) -> str:
    """A document without its blocks of code."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        again = 0
        while (name := f"{slug}-{again}" if again else slug) in found:
            again += 1
        found.add(name)
    return found


def broken_links(document: str) -> Iterator[str]:
    """The relative links of a document that lead nowhere."""
    path = ROOT / document
    text = path.read_text()
    shown = SPAN.sub("", prose(text))
    for target in LINK.findall(shown) + IMAGE.findall(shown):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        leads_to = (path.parent / name).resolve() if name else path
        if not leads_to.exists() or (anchor and anchor not in anchors(leads_to.read_text())):
            yield target


def unknown_targets(document: str) -> Iterator[str]:
    """The make targets named in a document that the Makefile does not have."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / document).read_text()
    blocks = [block for _, block in FENCE.findall(text)] + INDENTED.findall(prose(text))
    commands = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    commands += SPAN.findall(prose(text))
    for command in commands:
        yield from (name for name in MAKE.findall(command) if name not in targets)


def missing_paths(document: str) -> Iterator[str]:
    """The paths in backticks that the project does not have.

    One that begins with a folder at the project's top is meant from there; another may leave out how it begins.
    ``<word>`` and ``*`` stand for anything.
    """
    top = {path.split("/")[0] for path in project_paths() if "/" in path}
    for span in SPAN.findall(prose((ROOT / document).read_text())):
        if "/" not in span or not PATH.fullmatch(span):
            continue
        first = span.split("/")[0]
        is_named = span.endswith("/") or span.rsplit(".", 1)[-1] in ENDINGS
        if not is_named or (first not in top and span.endswith("/")) or first.startswith(".jishi"):
            continue
        pattern = re.escape(re.sub(r"<[\w-]+>", "*", span)).replace(r"\*", "[^/]*")
        expression = re.compile(pattern if first in top else rf"(.*/)?{pattern}")
        if not any(expression.fullmatch(path) for path in project_paths()):
            yield span


@pytest.mark.parametrize("document", documents())
def test_relative_links_lead_somewhere(document: str) -> None:
    assert list(broken_links(document)) == []


@pytest.mark.parametrize("document", documents())
def test_make_targets_exist(document: str) -> None:
    assert list(unknown_targets(document)) == []


@pytest.mark.parametrize("document", documents())
def test_paths_of_the_project_exist(document: str) -> None:
    assert list(missing_paths(document)) == []


def test_what_is_missing_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "# One  two: *three*\n[a](#one--two-three) [b](#two) [c](gone.md) [d](page.md#two)\n"
        "`make lint`, `JISHI_PORT=1 make nothing`, make sure\n```\nmake run && make never  # make believe\n```\n"
        "`services/order/gone.py` `orders/domain.py` `services/<name>/app.py` `orders/gone.py` `POST /orders` `docs/adr/`\n"
        "`.jishi/logs/x.py` `simulator/gone/` `order/price-changed`\n"
    )
    name = str(document)
    assert list(broken_links(name)) == ["#two", "gone.md", "page.md#two"]
    assert sorted(unknown_targets(name)) == ["never", "nothing"]
    assert list(missing_paths(name)) == ["services/order/gone.py", "orders/gone.py", "simulator/gone/"]
