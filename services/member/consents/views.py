"""How a consent looks from outside."""

from datetime import datetime

from services.member.consents.domain import Consent, Purpose
from shared.http.bodies import View


class ConsentView(View):
    """A live consent."""

    purpose: Purpose
    version: str
    given_at: datetime

    @classmethod
    def of(cls, consent: Consent) -> "ConsentView":
        return cls(purpose=consent.purpose, version=consent.version, given_at=consent.at)
