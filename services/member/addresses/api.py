"""The address book (LG-03)."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.member.addresses.domain import Contact, open_contact
from services.member.addresses.storage import Addresses
from services.member.addresses.usecases import (
    Address,
    add_address,
    change_address,
    make_default_address,
    remove_address,
)
from services.member.addresses.views import ContactView
from services.member.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Text, View
from shared.http.callers import FromOrder, Member
from shared.http.work import Now, Work

router = service_router(tags=["addresses"])

Name = Annotated[Text, Field(max_length=50)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9-]{4,18}[0-9]$")]
PostalCode = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{3,10}$")]


class AddressCreate(Body):
    """A new address."""

    recipient: Name
    phone: Phone
    province: Name
    city: Name
    district: Name
    street: Text
    postal_code: PostalCode | None = None

    def contact(self) -> Contact:
        return Contact(**self.model_dump())


class WeChatAddress(Body):
    """What wx.chooseAddress gave, just as it came."""

    userName: Name
    telNumber: Phone
    provinceName: Name
    cityName: Name
    countyName: Name
    detailInfo: Text
    streetName: Annotated[str, Field(max_length=50)] = ""
    detailInfoNew: Annotated[str, Field(max_length=200)] = ""
    postalCode: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{0,10}$")] = ""
    nationalCode: Annotated[str, Field(max_length=20)] = ""
    nationalCodeFull: Annotated[str, Field(max_length=20)] = ""
    errMsg: Annotated[str, Field(max_length=50)] = ""

    def contact(self) -> Contact:
        return Contact(
            recipient=self.userName,
            phone=self.telNumber,
            province=self.provinceName,
            city=self.cityName,
            district=self.countyName,
            street=self.detailInfo,
            postal_code=self.postalCode or None,
        )


class AddressChange(Body):
    """The fields to change; only the postal code may be taken away."""

    recipient: Name = ""
    phone: Phone = ""
    province: Name = ""
    city: Name = ""
    district: Name = ""
    street: Text = ""
    postal_code: PostalCode | None = None


class AddressView(ContactView):
    """An address of the caller's own book."""

    is_default: bool

    @classmethod
    def of_book(cls, address: Address) -> "AddressView":
        contact = ContactView.of(address.id, address.contact)
        return cls(**contact.model_dump(), is_default=address.is_default)


class AddressBookView(View):
    """The whole book, the default first."""

    items: list[AddressView]


@router.get("/me/addresses")
async def address_book(caller: Member, resources: Own) -> AddressBookView:
    """The caller's addresses."""
    async with reading(resources.engine) as connection:
        stored = await Addresses(connection).all(caller.member_id)
    book = [
        Address(each.id, open_contact(resources.field_keys, each.id, each.details_sealed), each.is_default)
        for each in stored
    ]
    return AddressBookView(items=[AddressView.of_book(address) for address in book])


@router.post("/me/addresses", status_code=201)
async def add(
    body: AddressCreate | WeChatAddress, caller: Member, resources: Own, work: Work, now: Now
) -> AddressView:
    """Add an address, or import the one that wx.chooseAddress gave."""
    return AddressView.of_book(
        await add_address(work, resources.field_keys, caller.member_id, body.contact(), at=now)
    )


@router.patch("/me/addresses/{address_id}")
async def change(
    address_id: UUID, body: AddressChange, caller: Member, resources: Own, work: Work, now: Now
) -> AddressView:
    """Change an address."""
    changes = body.model_dump(exclude_unset=True)
    return AddressView.of_book(
        await change_address(work, resources.field_keys, caller.member_id, address_id, changes, at=now)
    )


@router.delete("/me/addresses/{address_id}", status_code=204)
async def remove(address_id: UUID, caller: Member, work: Work) -> None:
    """Remove an address."""
    await remove_address(work, caller.member_id, address_id)


@router.post("/me/addresses/{address_id}/default")
async def make_default(address_id: UUID, caller: Member, resources: Own, work: Work) -> AddressView:
    """Make an address the default."""
    return AddressView.of_book(
        await make_default_address(work, resources.field_keys, caller.member_id, address_id)
    )


@router.get("/internal/members/{member_id}/addresses/{address_id}")
async def address_for_order(
    member_id: UUID, address_id: UUID, caller: FromOrder, resources: Own
) -> ContactView:
    """One address in full, for an order's snapshot."""
    async with reading(resources.engine) as connection:
        stored = await Addresses(connection).get(member_id, address_id)
    return ContactView.of(address_id, open_contact(resources.field_keys, address_id, stored.details_sealed))
