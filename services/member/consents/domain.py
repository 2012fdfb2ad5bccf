"""What a consent is, and how one builds on another (SEC12)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.http.problems import Problem


class Purpose(StrEnum):
    """What a member agrees to; each has a consent of its own."""

    PRIVACY = "privacy"
    PHONE = "phone"


REQUIRES = {Purpose.PRIVACY: (), Purpose.PHONE: (Purpose.PRIVACY,)}
"""The consents that must be live before another can be given, and that take it along when they are withdrawn."""


class ConsentMissing(Problem):
    """A consent is needed first; `purpose` and `version` say which."""

    slug, title, status = "member/consent-missing", "Please agree first", 403


class AgreementOutdated(Problem):
    """There is a newer agreement to read; `version` names it."""

    slug, title, status = "member/agreement-outdated", "The privacy agreement has changed", 409


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of the privacy agreement."""

    version: str
    title: str
    body: str
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """A live consent to one version of the agreement."""

    purpose: Purpose
    version: str
    at: datetime
