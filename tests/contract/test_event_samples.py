"""The published language: each event type has a sample that was once sent, and must be understood for ever.

A sample is never edited. A field that is added later is absent from older samples, so it needs a default.
"""

import json
from pathlib import Path

import pytest

from shared.events import EVENT_TYPES, Envelope
from shared.messaging.outbox import encode

SAMPLES = Path(__file__).parent / "samples"


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
    assert {name: announced["data"][name] for name in sample["data"]} == sample["data"]


@pytest.mark.parametrize("type_", sorted(EVENT_TYPES))
def test_an_event_with_a_field_of_the_future_is_understood(type_: str) -> None:
    sample = json.loads((SAMPLES / f"{type_}.json").read_text())
    event = EVENT_TYPES[type_].model_validate(sample["data"] | {"a_field_of_the_future": 1})
    assert event == EVENT_TYPES[type_].model_validate(sample["data"])
