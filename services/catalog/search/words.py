"""From what people write to the tokens it is found by.

Chinese has no spaces, so a text is indexed by its single characters and its pairs of neighbours: every word of it, known
to a dictionary or not, is found by its own pairs. What is typed is cut into words by the shop's own vocabulary.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

MAX_QUERY = 64
MAX_WORDS = 8

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_RUN = re.compile(rf"[{_HAN}]+|[0-9]+|[^\W\d_{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LONGEST_TERM = 12


def normalised(text: str) -> str:
    """One spelling for full and half width, upper and lower case; nothing invisible, single spaces."""
    text = unicodedata.normalize("NFKC", _UNWRITABLE.sub(" ", text)).casefold()
    return " ".join(text.split())


def runs(text: str) -> list[str]:
    """The runs of Han characters, of other letters, and of digits in a normalised text; all else separates."""
    return _RUN.findall(text)


def is_han(word: str) -> bool:
    """Whether a run is written in Han characters."""
    return bool(_IS_HAN.match(word))


def tokens_of(text: str) -> set[str]:
    """What a normalised text is indexed by."""
    found: set[str] = set()
    for run in runs(text):
        if is_han(run):
            found.update(run)
            found.update(_pairs(run))
        else:
            found.add(run[:MAX_QUERY])
    return found


def required(word: str) -> str:
    """The condition (as tsquery) that a word of a query puts on a document's tokens."""
    if not is_han(word):
        return f"'{word}':*"
    return " & ".join(f"'{token}'" for token in (_pairs(word) or [word]))


def all_required(words: Iterable[str]) -> str:
    """The condition that every word of a query occurs."""
    return " & ".join(required(word) for word in words)


def one_slip(words: list[str]) -> str | None:
    """The condition that all of a query occurs but for one character or, of several words, one word."""
    variants = []
    is_short = sum(map(len, words)) <= _LONGEST_TERM
    for at, word in enumerate(words):
        others = words[:at] + words[at + 1 :]
        if others:
            variants.append(all_required(others))
        if is_short and is_han(word) and len(word) >= 3:
            for wrong in range(len(word)):
                left = [part for part in (word[:wrong], word[wrong + 1 :]) if part]
                variants.append(all_required(others + left))
    return " | ".join(f"({variant})" for variant in variants) or None


def candidates(run: str) -> list[str]:
    """Every part of a run of Han characters that may be a word."""
    return [
        run[start:end]
        for start in range(len(run))
        for end in range(start + 2, min(len(run), start + _LONGEST_TERM) + 1)
    ]


def cut(run: str, vocabulary: Collection[str]) -> list[str]:
    """A run of Han characters as words: as much as possible known ones, and of these as few as possible."""
    best: list[tuple[int, int, list[str]]] = [(0, 0, [])]
    for end in range(1, len(run) + 1):
        unknown, words, parts = best[end - 1]
        options = [(unknown + 1, words, [*parts, run[end - 1]])]
        for start in range(max(0, end - _LONGEST_TERM), end - 1):
            if run[start:end] in vocabulary:
                unknown, words, parts = best[start]
                options.append((unknown, words + 1, [*parts, run[start:end]]))
        best.append(min(options, key=lambda option: option[:2]))
    return _joined(best[-1][2], vocabulary)


def _joined(parts: list[str], vocabulary: Collection[str]) -> list[str]:
    """Neighbouring characters that belong to no known word stay together."""
    words: list[str] = []
    loose = False
    for part in parts:
        known = part in vocabulary
        if loose and not known:
            words[-1] += part
        else:
            words.append(part)
        loose = not known
    return words


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]
