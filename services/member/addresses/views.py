"""How an address looks from outside."""

from uuid import UUID

from services.member.addresses.domain import Contact
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
