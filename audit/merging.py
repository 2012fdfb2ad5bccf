"""Comparing across databases: both sides ordered by key and read together, never a table in memory."""

import heapq
from collections.abc import AsyncIterator, Sequence
from typing import Any

from audit.books import Row


async def merged(
    left: AsyncIterator[Row], right: AsyncIterator[Row]
) -> AsyncIterator[tuple[Any, Row | None, Row | None]]:
    """Each key with its row on either side; both sides are ordered by their first column, which has no key twice."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield one[0], one, None
            one = await anext(left, None)
        elif one is None or other[0] < one[0]:
            yield other[0], None, other
            other = await anext(right, None)
        else:
            yield one[0], one, other
            one, other = await anext(left, None), await anext(right, None)


async def interleaved(streams: Sequence[AsyncIterator[Row]]) -> AsyncIterator[Row]:
    """Several streams, each ordered by its first column, as one that is."""
    heap: list[tuple[Any, int, Row]] = []
    for number, stream in enumerate(streams):
        if (row := await anext(stream, None)) is not None:
            heapq.heappush(heap, (row[0], number, row))
    while heap:
        _, number, row = heap[0]
        yield row
        following = await anext(streams[number], None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following[0], number, following))


async def merged_groups(
    left: AsyncIterator[Row], right: AsyncIterator[Row]
) -> AsyncIterator[tuple[Any, list[Row], list[Row]]]:
    """Each key with all its rows on either side; both sides are ordered by their first column."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        key = min(row[0] for row in (one, other) if row is not None)
        ours: list[Row] = []
        theirs: list[Row] = []
        while one is not None and one[0] == key:
            ours.append(one)
            one = await anext(left, None)
        while other is not None and other[0] == key:
            theirs.append(other)
            other = await anext(right, None)
        yield key, ours, theirs
