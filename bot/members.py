"""People and roles as the configuration names them."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from bot.domain.documents import DocumentError, nearest
from bot.domain.plan_terms import Closed, Name

UserId = Annotated[str, Meta(pattern=r"^[UW][A-Z0-9]{2,}$")]
GroupId = Annotated[str, Meta(pattern=r"^S[A-Z0-9]{2,}$")]


class PersonDocument(Closed, frozen=True, kw_only=True):
    """One human being with all their accounts, the usual one first."""

    slack: Annotated[tuple[UserId, ...], Meta(min_length=1)]
    email: str = ""


class RoleDocument(Closed, frozen=True, kw_only=True):
    """Who holds a role: people by name, and Slack's user groups by id.

    also: other names that plans have for the same role.
    """

    people: tuple[str, ...] = ()
    groups: tuple[GroupId, ...] = ()
    also: tuple[Name, ...] = ()


def with_other_names(roles: Mapping[str, RoleDocument]) -> Mapping[str, RoleDocument]:
    """The roles by each of their names."""
    return {name: role for main, role in roles.items() for name in (main, *role.also)}


def mistakes_among(
    people: Mapping[str, PersonDocument], roles: Mapping[str, RoleDocument]
) -> list[DocumentError]:
    """Accounts with two owners, roles that nobody holds, people whom nobody knows."""
    return [*_accounts(people), *_roles(people, roles), *_names(roles)]


def _names(roles: Mapping[str, RoleDocument]) -> list[DocumentError]:
    """A name stands for one role."""
    errors, owners = [], {name: name for name in roles}
    for role, entry in roles.items():
        for index, name in enumerate(entry.also):
            if owners.setdefault(name, role) != role or name in roles:
                place = ("roles", role, "also", index)
                hint = "keep it at one of them, or merge the two"
                errors.append(DocumentError(place, f"{name} is another role already", hint))
    return errors


def _accounts(people: Mapping[str, PersonDocument]) -> list[DocumentError]:
    owners: dict[str, str] = {}
    errors = []
    for name, person in people.items():
        for index, account in enumerate(person.slack):
            owner = owners.setdefault(account, name)
            place = ("people", name, "slack", index)
            if owner != name:
                hint = "one account belongs to one human being"
                errors.append(DocumentError(place, f"{account} is {owner}'s already", hint))
            elif account in person.slack[:index]:
                errors.append(DocumentError(place, f"{account} is given twice", "keep one"))
    return errors


def _roles(
    people: Mapping[str, PersonDocument], roles: Mapping[str, RoleDocument]
) -> list[DocumentError]:
    errors = []
    for name, role in roles.items():
        if not role.people and not role.groups:
            hint = "list `people` or `groups`"
            errors.append(DocumentError(("roles", name), "nobody holds this role", hint))
        for index, person in enumerate(role.people):
            if person not in people:
                place = ("roles", name, "people", index)
                hint = nearest(person, people)
                errors.append(DocumentError(place, f"there is no person {person!r}", hint))
    return errors
