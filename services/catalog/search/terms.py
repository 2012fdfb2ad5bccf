"""Words worth suggesting: how they are typed, and how many products they would lead to."""

from collections import Counter
from collections.abc import Collection, Iterable

from sqlalchemy import text

from services.catalog.search.pinyin import sound_of
from shared.connection import Connection

_KNOWN = text("SELECT term FROM suggestion_terms WHERE term = ANY(:terms)")
_ADD = text("""
    INSERT INTO suggestion_terms (term, pinyin, initials, products)
    SELECT term, pinyin, initials, 0 FROM unnest(CAST(:terms AS text[]), CAST(:pinyins AS text[]),
           CAST(:initials AS text[])) AS t(term, pinyin, initials) ORDER BY term ON CONFLICT DO NOTHING""")
_RECOUNT = text("""
    WITH change AS (
      SELECT * FROM unnest(CAST(:terms AS text[]), CAST(:changes AS integer[])) AS c(term, change)
    ), locked AS MATERIALIZED (
      SELECT t.term, c.change FROM suggestion_terms t JOIN change c ON c.term = t.term
       ORDER BY t.term FOR UPDATE OF t
    )
    UPDATE suggestion_terms t SET products = t.products + k.change FROM locked k WHERE t.term = k.term""")
_BEGINNING = text("""
    SELECT term FROM suggestion_terms
     WHERE products > 0 AND (term LIKE :beginning OR pinyin LIKE :beginning OR initials LIKE :beginning)
     ORDER BY term LIKE :beginning DESC, searches DESC, products DESC, term LIMIT :limit""")
_SOUNDING_LIKE = text("""
    SELECT term FROM suggestion_terms WHERE products > 0 AND pinyin % :letters
     ORDER BY similarity(pinyin, :letters) DESC, searches DESC, products DESC, term LIMIT :limit""")
_COUNT_SEARCHES = text("""
    WITH searched AS (
      SELECT * FROM unnest(CAST(:terms AS text[]), CAST(:searches AS integer[])) AS s(term, searches)
    ), locked AS MATERIALIZED (
      SELECT t.term, s.searches FROM suggestion_terms t JOIN searched s ON s.term = t.term
       ORDER BY t.term FOR UPDATE OF t
    )
    UPDATE suggestion_terms t SET searches = t.searches + k.searches FROM locked k WHERE t.term = k.term""")

_CLOSE = 3


class SuggestionTerms:
    """The shop's own vocabulary."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def recount(self, *, gone: Iterable[str], come: Iterable[str]) -> None:
        """Count that products lost and got terms; new terms are added with their sound."""
        changes = Counter(come)
        changes.subtract(gone)
        changed = {term: change for term, change in sorted(changes.items()) if change}
        if not changed:
            return
        known = (await self._connection.execute(_KNOWN, {"terms": list(changed)})).scalars()
        if new := sorted(changed.keys() - set(known)):
            sounds = [sound_of(term) for term in new]
            values = {
                "terms": new,
                "pinyins": [sound.pinyin for sound in sounds],
                "initials": [sound.initials for sound in sounds],
            }
            await self._connection.execute(_ADD, values)
        await self._connection.execute(_RECOUNT, {"terms": list(changed), "changes": list(changed.values())})

    async def count_searches(self, searches: dict[str, int]) -> None:
        """Count that people searched for terms."""
        values = {"terms": list(searches), "searches": list(searches.values())}
        await self._connection.execute(_COUNT_SEARCHES, values)


async def known_terms(connection: Connection, words: Collection[str]) -> set[str]:
    """Those of the given words that are terms of the shop."""
    return set((await connection.execute(_KNOWN, {"terms": list(words)})).scalars())


async def terms_beginning(connection: Connection, letters: str, *, limit: int) -> list[str]:
    """Terms that begin so, written or typed; few found, also those that sound like it."""
    found = await _beginning(connection, letters, limit)
    if len(found) < _CLOSE and letters.isascii() and len(letters) >= _CLOSE:
        found += [term for term in await _sounding_like(connection, letters, limit) if term not in found]
    return found[:limit]


async def terms_like(connection: Connection, letters: str) -> list[str]:
    """The few terms that some Latin letters most likely mean."""
    found = await _beginning(connection, letters, _CLOSE)
    return found or await _sounding_like(connection, letters, _CLOSE)


async def _beginning(connection: Connection, letters: str, limit: int) -> list[str]:
    values = {"beginning": _escaped(letters) + "%", "limit": limit}
    return (await connection.execute(_BEGINNING, values)).scalars()


async def _sounding_like(connection: Connection, letters: str, limit: int) -> list[str]:
    return (await connection.execute(_SOUNDING_LIKE, {"letters": letters, "limit": limit})).scalars()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
