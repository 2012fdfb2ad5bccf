import pytest
from hypothesis import given, strategies as st

from shared.wechat.mini import fit
from shared.wechat.mini.wording import masked


@pytest.mark.parametrize(
    ("kind", "value", "fitted"),
    [
        ("thing", "云南小粒咖啡豆 250g", "云南小粒咖啡豆 250g"),
        ("thing", "一" * 20, "一" * 20),
        ("thing", "一" * 21, "一" * 19 + "…"),
        ("thing", "两行\n\t文字 ", "两行 文字"),
        ("thing", " ", "无"),
        ("character_string", "SH2026-01|02*", "SH2026-01|02*"),
        ("character_string", "单号SH1 2", "SH12"),
        ("character_string", "1" * 33, "1" * 32),
        ("character_string", "单号", "-"),
        ("letter", "abc1", "abc"),
        ("letter", "1", "N"),
        ("symbol", "******", "****…"),
        ("phone_number", "+86 138-0000-0000", "+86138-0000-0000"),
        ("phone_number", "1" * 18, "1" * 17),
        ("car_number", "粤A12345D", "粤A12345D"),
        ("car_number", "粤A12345DD", "粤A12345…"),
        ("name", "欧阳娜娜", "欧阳娜娜"),
        ("name", "名" * 11, "名" * 9 + "…"),
        ("name", "x" * 20, "x" * 20),
        ("name", "x" * 21, "x" * 19 + "…"),
        ("name", "", "无"),
        ("phrase", "已发货!", "已发货"),
        ("phrase", "等待买家付款", "等待买家付"),
        ("phrase", "ok", "无"),
        ("amount", "¥1234567890.00元", "¥1234567890.00元"),
        ("number", "123456789.5", "123456789.5"),
        ("time", "2026-01-02 18:00~2026-01-03 18:00", "2026-01-02 18:00~2026-01-03 18:00"),
        ("date", "2026年1月2日", "2026年1月2日"),
        ("enum", "已签收并评价", "已签收并评价"),
    ],
)
def test_a_value_is_made_to_fit_its_keyword(kind: str, value: str, fitted: str) -> None:
    assert fit(kind, value) == fitted


LIMITS = {"thing": 20, "letter": 32, "symbol": 5, "character_string": 32, "phone_number": 17}
LIMITS |= {"car_number": 8, "phrase": 5, "name": 20}


@given(kind=st.sampled_from(list(LIMITS)), value=st.text())
def test_no_text_is_ever_too_long_empty_or_on_two_lines(kind: str, value: str) -> None:
    fitted = fit(kind, value)

    assert 1 <= len(fitted) <= LIMITS[kind]
    assert len(fitted.splitlines()) == 1
    assert fit(kind, fitted) == fitted


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("13812348000", "138****8000"), ("+86-13812348000", "+86-138****8000"), ("8000", "****8000")],
)
def test_a_telephone_number_shows_its_ends_only(phone: str, shown: str) -> None:
    assert masked(phone) == shown
