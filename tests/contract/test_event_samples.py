"""The published language: each event type has a sample that was once sent, and must be understood for ever.

A sample is never edited. A field that is added later is absent from older samples, so it needs a default.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.events import EVENT_TYPES, Envelope, OrderRefunded
from shared.messaging.outbox import encode

SAMPLES = Path(__file__).parent / "samples"


def only_what_is_in(sample: Any, told: Any) -> Any:
    """What is told now without the fields that were added since the sample, however deep."""
    if isinstance(sample, dict):
        return {name: only_what_is_in(value, told[name]) for name, value in sample.items()}
    if isinstance(sample, list):
        return [only_what_is_in(*each) for each in zip(sample, told, strict=True)]
    return told


def test_every_event_type_has_a_sample() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(EVENT_TYPES)


@pytest.mark.parametrize("type_", sorted(EVENT_TYPES))
def test_a_sample_is_understood_and_announced_again_without_loss(type_: str) -> None:
    sample = json.loads((SAMPLES / f"{type_}.json").read_text())
    envelope = Envelope.model_validate(sample)
    event = EVENT_TYPES[type_].model_validate(envelope.data)
    announced = json.loads(encode(event, id=envelope.id, at=envelope.time))
    assert {name: announced[name] for name in sample if name != "data"} == {
        name: value for name, value in sample.items() if name != "data"
    }
    assert only_what_is_in(sample["data"], announced["data"]) == sample["data"]
    assert event == EVENT_TYPES[type_].model_validate(announced["data"])


def test_units_refunded_before_their_way_was_told_all_go_back_on_the_shelf() -> None:
    sample = json.loads((SAMPLES / "order.refunded.v1.json").read_text())
    (line,) = OrderRefunded.model_validate(sample["data"]).lines
    assert (line.quantity, line.restock_quantity) == (2, 2)


@pytest.mark.parametrize("type_", sorted(EVENT_TYPES))
def test_an_event_with_a_field_of_the_future_is_understood(type_: str) -> None:
    sample = json.loads((SAMPLES / f"{type_}.json").read_text())
    event = EVENT_TYPES[type_].model_validate(sample["data"] | {"a_field_of_the_future": 1})
    assert event == EVENT_TYPES[type_].model_validate(sample["data"])
