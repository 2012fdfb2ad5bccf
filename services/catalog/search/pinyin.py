"""How Chinese words sound: 手机 is shouji, in short sj."""

from dataclasses import dataclass

from services.catalog.search.words import normalised


@dataclass(frozen=True, slots=True)
class Sound:
    """A word in Latin letters: in full, and by the first letters."""

    pinyin: str
    initials: str


def sound_of(term: str) -> Sound:
    """How a term is typed on a Latin keyboard; Latin parts stay as they are."""
    from pypinyin import Style, lazy_pinyin  # 40 MB: only processes that index goods need it

    return Sound(
        _letters("".join(lazy_pinyin(term))),
        _letters("".join(lazy_pinyin(term, style=Style.FIRST_LETTER))),
    )


def _letters(text: str) -> str:
    return normalised(text).replace(" ", "").replace("ü", "v")
