"""A phone number as it is kept: normalised, sealed, found by its blind index (SEC11)."""

from uuid import UUID

from shared.crypto import FieldKeys, mask_phone
from shared.http.problems import Problem
from shared.wechat.mini import PhoneNumber

CHINA = "+86"


class PhoneTaken(Problem):
    """A phone belongs to one member of the shop."""

    slug, title, status = "member/phone-taken", "This phone is bound to another account", 409


class PhoneCodeRefused(Problem):
    """WeChat does not take the code: it is used, too old, or not from the phone button."""

    slug, title, status = "member/phone-code-refused", "Please press the phone button again", 409


def normalised(number: PhoneNumber) -> str:
    """A number with its country code, `+8613800138000`."""
    return f"+{number.country_code}{number.pure_phone_number}"


def masked(phone: str) -> str:
    """A normalised number as people may see it; Chinese ones without the country code."""
    return mask_phone(phone.removeprefix(CHINA))


def place(member_id: UUID) -> str:
    """What a sealed phone is bound to."""
    return f"phones|phone_sealed|{member_id}"


def open_masked(keys: FieldKeys, member_id: UUID, sealed: str | None) -> str | None:
    """A stored phone as people may see it, or None when there is none."""
    return None if sealed is None else masked(keys.open(sealed, place=place(member_id)))
