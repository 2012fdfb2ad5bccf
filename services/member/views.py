"""Outgoing documents that more than one capability shows."""

from datetime import datetime
from uuid import UUID

from services.member.addresses.domain import Contact
from services.member.consents.domain import Consent, Purpose
from shared.http.bodies import View


class ContactView(View):
    """An address as the order service snapshots it."""

    address_id: UUID
    recipient: str
    phone: str
    province: str
    city: str
    district: str
    street: str
    postal_code: str | None

    @classmethod
    def of(cls, address_id: UUID, contact: Contact) -> "ContactView":
        return cls(
            address_id=address_id,
            recipient=contact.recipient,
            phone=contact.phone,
            province=contact.province,
            city=contact.city,
            district=contact.district,
            street=contact.street,
            postal_code=contact.postal_code,
        )


class ConsentView(View):
    """A live consent."""

    purpose: Purpose
    version: str
    given_at: datetime

    @classmethod
    def of(cls, consent: Consent) -> "ConsentView":
        return cls(purpose=consent.purpose, version=consent.version, given_at=consent.at)
