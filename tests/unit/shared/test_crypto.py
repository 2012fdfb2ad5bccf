"""Sealed fields open only where they belong, with a key that is known, and unchanged (SEC11)."""

import base64
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, strategies as st

from shared.crypto import FieldKeys, Undecryptable, generate_field_keys, mask_phone

PLACE = "members|phone|1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> FieldKeys:
    path = tmp_path_factory.mktemp("keys") / "deep" / "fields.json"
    generate_field_keys(path)
    return FieldKeys.from_file(path)


def rotated(keys: FieldKeys, key_id: str) -> FieldKeys:
    return replace(keys, keys={**keys.keys, key_id: os.urandom(32)}, current=key_id)


@given(text=st.text())
def test_a_field_opens_at_its_place(text: str) -> None:
    keys = FieldKeys({"1": b"k" * 32}, "1", b"i" * 32)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        return
    assert keys.open(keys.seal(text, place=PLACE), place=PLACE) == text


def test_the_same_text_is_sealed_differently_each_time(keys: FieldKeys) -> None:
    assert keys.seal("13800138000", place=PLACE) != keys.seal("13800138000", place=PLACE)


@pytest.mark.parametrize("place", ["members|phone|2", "members|name|1", "addresses|phone|1", ""])
def test_a_field_moved_to_another_place_does_not_open(keys: FieldKeys, place: str) -> None:
    sealed = keys.seal("13800138000", place=PLACE)
    with pytest.raises(Undecryptable):
        keys.open(sealed, place=place)


def test_every_single_changed_character_is_noticed(keys: FieldKeys) -> None:
    sealed = keys.seal("138", place=PLACE)
    for index, character in enumerate(sealed[:-1]):  # the last may hold unused bits
        changed = sealed[:index] + ("A" if character != "A" else "B") + sealed[index + 1 :]
        with pytest.raises(Undecryptable):
            keys.open(changed, place=PLACE)


@pytest.mark.parametrize(
    "sealed", ["", "v1", "v1.1.a.b", "v2.1.AAAAAAAAAAAAAAAA.AAAA", "v1.1..", "集.市.集.市", "a.b.c.d.e"]
)
def test_what_was_never_sealed_does_not_open(keys: FieldKeys, sealed: str) -> None:
    with pytest.raises(Undecryptable):
        keys.open(sealed, place=PLACE)


def test_after_a_rotation_old_fields_still_open_and_new_ones_use_the_new_key(keys: FieldKeys) -> None:
    old = keys.seal("old", place=PLACE)
    newer = rotated(keys, "2")
    new = newer.seal("new", place=PLACE)
    assert newer.open(old, place=PLACE) == "old"
    assert new.split(".")[1] == "2"
    assert newer.open(new, place=PLACE) == "new"
    with pytest.raises(Undecryptable):
        keys.open(new, place=PLACE)


def test_a_sealed_field_is_plain_aes_256_gcm(keys: FieldKeys) -> None:
    _, key_id, nonce, ciphertext = keys.seal("13800138000", place=PLACE).split(".")
    decoded = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (nonce, ciphertext)]
    assert len(keys.keys[key_id]) == 32
    assert AESGCM(keys.keys[key_id]).decrypt(decoded[0], decoded[1], PLACE.encode()) == b"13800138000"


def test_the_blind_index_finds_equal_values_and_needs_its_key(keys: FieldKeys) -> None:
    index = keys.blind_index("13800138000")
    assert index == keys.blind_index("13800138000") == rotated(keys, "2").blind_index("13800138000")
    assert len(index) == 32
    assert index != keys.blind_index("13800138001")
    assert index != replace(keys, index_key=b"other").blind_index("13800138000")


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "fields.json"
    generate_field_keys(path)
    first = path.read_bytes()
    generate_field_keys(path)
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("13800138000", "138****8000"), ("+8613800138000", "+86****8000"), ("1234567", "****"), ("", "****")],
)
def test_a_phone_is_shown_masked(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked
