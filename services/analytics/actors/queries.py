"""Events with the actor they belong to: decided when asked, so that a later login corrects history (analytics.md 1).

The actor is the event's member; else the member of the session's earliest event with one; else the member of the next
event of the same ``anon_id`` with one, or of the latest before; else the ``anon_id`` itself. Joins are GLOBAL, for clusters;
the embedded engine has no ASOF join, so the logins of an ``anon_id`` are an array: the end of each run of one member.
"""

from collections.abc import Sequence

_COUNTED = "NOT late AND NOT is_internal"


def actor_events(columns: Sequence[str], where: str) -> str:
    """A subquery of ``columns`` and ``actor`` over the counted events that ``where`` (their own columns) chooses.

    Late events, internal ones and those of nobody are left out. Who an event belongs to is judged by the whole history.
    """
    anonymous = (
        f"behaviour_events WHERE {_COUNTED} AND member_id IS NULL AND anon_id IS NOT NULL AND ({where})"
    )
    known = f"behaviour_events WHERE {_COUNTED} AND member_id IS NOT NULL"
    needed = ", ".join(dict.fromkeys((*columns, "ts", "anon_id", "session_id")))
    return f"""
        SELECT {", ".join(columns)}, assumeNotNull(member_id) AS actor FROM {known} AND ({where})
        UNION ALL
        SELECT {", ".join(f"e.{column} AS {column}" for column in columns)},
               assumeNotNull(coalesce(s.member, {_login_member("l.runs", "e.ts")}, e.anon_id)) AS actor
        FROM (SELECT {needed} FROM {anonymous}) AS e
        GLOBAL ANY LEFT JOIN (
          SELECT session_id, argMin(member_id, (ts, seq, event_id)) AS member FROM {known}
             AND session_id GLOBAL IN (SELECT session_id FROM {anonymous}) GROUP BY session_id
        ) AS s ON e.session_id = s.session_id
        GLOBAL ANY LEFT JOIN (
          SELECT anon_id, {_RUNS} AS runs FROM {known}
             AND anon_id GLOBAL IN (SELECT anon_id FROM {anonymous}) GROUP BY anon_id
        ) AS l ON e.anon_id = l.anon_id"""


_RUNS = (
    "arrayReverse(arrayCompact(login -> login.4,"
    " arrayReverse(arraySort(groupArray((ts, seq, event_id, member_id))))))"
)


def _login_member(runs: str, ts: str) -> str:
    """The member of the first run that ends at or after ``ts``, else of the last run; null without runs."""
    return (
        f"if(empty({runs}), NULL, if({runs}[-1].1 < {ts}, {runs}[-1].4,"
        f" arrayFirst(run -> run.1 >= {ts}, {runs}).4))"
    )
