"""How texts and queries become tokens (SE-01)."""

import pytest
from hypothesis import given, strategies as st

from services.catalog.search.words import (
    all_required,
    candidates,
    cut,
    normalised,
    one_slip,
    required,
    runs,
    tokens_of,
)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ＩＰｈｏｎｅ　１５", "iphone 15"),
        ("  手机　 壳 ", "手机 壳"),
        ("手\u200b机", "手 机"),
        ("Ⅳ代", "iv代"),
        ("a\x00b\ud800c", "a b c"),
        ("\u202e手机", "手机"),
    ],
)
def test_width_case_and_invisible_characters_make_no_difference(typed: str, found: str) -> None:
    assert normalised(typed) == found


def test_runs_part_scripts_and_digits_from_each_other() -> None:
    assert runs("小米手机15pro-max%_'\\") == ["小米手机", "15", "pro", "max"]


def test_chinese_is_indexed_by_its_characters_and_pairs_and_latin_by_its_words() -> None:
    assert tokens_of("手机壳 iphone15") == {"手", "机", "壳", "手机", "机壳", "iphone", "15"}


def test_a_word_of_a_query_requires_its_pairs_or_its_only_character_or_a_beginning() -> None:
    assert required("手机壳") == "'手机' & '机壳'"
    assert required("杯") == "'杯'"
    assert required("ipho") == "'ipho':*"
    assert all_required(["手机", "15"]) == "'手机' & '15':*"


def test_a_run_is_cut_into_the_shops_own_words_and_the_rest_stays_together() -> None:
    vocabulary = {"苏打水", "手机壳", "手机", "小米"}
    assert cut("无糖苏打水", vocabulary) == ["无糖", "苏打水"]
    assert cut("小米透明手机壳新款", vocabulary) == ["小米", "透明", "手机壳", "新款"]
    assert cut("毛巾", vocabulary) == ["毛巾"]


def test_every_known_word_of_a_run_is_among_its_candidates() -> None:
    assert set(candidates("手机壳")) == {"手机", "机壳", "手机壳"}


def test_one_slip_leaves_out_one_character_at_a_time() -> None:
    assert one_slip(["手几壳"]) == "('几壳') | ('手' & '壳') | ('手几')"
    assert one_slip(["红色", "毛巾"]) == "('毛巾') | ('红色')"
    assert one_slip(["手机"]) is None


@given(st.text(max_size=40), st.sets(st.text(min_size=2, max_size=4), max_size=5))
def test_cutting_loses_no_character(text: str, vocabulary: set[str]) -> None:
    assert "".join(cut(text, vocabulary)) == text


@given(st.text(alphabet=st.characters(), max_size=60))
def test_no_character_of_a_query_can_break_out_of_its_quotes(text: str) -> None:
    for run in runs(normalised(text)):
        assert not set(run) & set("'\\%_:&|!()* \x00")
