"""Idempotency keys: whatever is asked under one, at once or again, is one thing with one answer (P2, K8)."""

from collections.abc import Iterator

from chaos.checker.calls import is_refusal
from chaos.checker.case import Case, Fault


def one_key_has_one_answer(case: Case) -> Iterator[Fault]:
    """All that was acknowledged under a key is the same, word for word, and whoever asks after that is told nothing else.

    A refusal keeps nothing: one that was asked for before the acknowledgement came may stand beside it.
    """
    for call in case.calls:
        if call.key is None:
            continue
        keys = {"call": call.name, "shopper": call.shopper, "key": call.key}
        acknowledged = [(entry.status, entry.body) for _, entry in call.words if entry.is_done]
        known_at = min((entry.at for _, entry in call.words if entry.is_done), default=None)
        for other in acknowledged[1:]:
            if other != acknowledged[0]:
                yield Fault(keys, acknowledged[0], other)
        for asked_at, entry in call.words:
            if known_at is not None and asked_at > known_at and is_refusal(entry):
                yield Fault(keys, acknowledged[0], (entry.status, entry.body))
