"""Words worth suggesting: how they are typed, and how many products they would lead to."""

from collections import Counter
from collections.abc import Collection, Iterable

from sqlalchemy import text

from services.catalog.search.pinyin import sound_of
from services.catalog.straight import Straight
from shared.connection import Connection

_KNOWN = "SELECT term FROM suggestion_terms WHERE term = ANY($1::text[])"
_STORED = text("SELECT term FROM suggestion_terms WHERE term = ANY(:terms)")
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
_BEGINNING = """
    SELECT term FROM suggestion_terms
     WHERE products > 0 AND (term LIKE $1 OR pinyin LIKE $1 OR initials LIKE $1)
     ORDER BY term LIKE $1 DESC, searches DESC, products DESC, term LIMIT $2"""
_SOUNDING_LIKE = """
    SELECT term FROM suggestion_terms WHERE products > 0 AND pinyin % $1
     ORDER BY similarity(pinyin, $1) DESC, searches DESC, products DESC, term LIMIT $2"""
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
        known = (await self._connection.execute(_STORED, {"terms": list(changed)})).scalars()
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


async def known_terms(connection: Straight, words: Collection[str]) -> set[str]:
    """Those of the given words that are terms of the shop."""
    return {row[0] for row in await connection.fetch(_KNOWN, list(words))}


async def terms_beginning(connection: Straight, letters: str, *, limit: int) -> list[str]:
    """Terms that begin so, written or typed; few found, also those that sound like it."""
    found = [row[0] for row in await connection.fetch(_BEGINNING, _escaped(letters) + "%", limit)]
    if len(found) < _CLOSE and letters.isascii() and len(letters) >= _CLOSE:
        found += [term for term in await _sounding_like(connection, letters, limit) if term not in found]
    return found[:limit]


async def terms_like(connection: Straight, letters: str) -> list[str]:
    """The few terms that some Latin letters most likely mean."""
    found = [row[0] for row in await connection.fetch(_BEGINNING, _escaped(letters) + "%", _CLOSE)]
    return found or await _sounding_like(connection, letters, _CLOSE)


async def _sounding_like(connection: Straight, letters: str, limit: int) -> list[str]:
    return [row[0] for row in await connection.fetch(_SOUNDING_LIKE, letters, limit)]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
