"""Whether the people of the configuration can sign, and whether they are enough for the plans."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from bot.cli.checkup.finding import Finding
from bot.domain.approvals import ANY, Signature, seating
from bot.domain.plan import Approval, Plan
from bot.engine.catalogue import Catalogue, PersonEntry
from bot.engine.directory import Home, outsider
from bot.ports import Chat, PermanentError, TemporaryError

_ANY_TIME = datetime.min.replace(tzinfo=UTC)

Holders = Mapping[str, tuple[str, ...]]
"""Those who can sign -> the roles they hold."""


async def accounts(
    chat: Chat, catalogue: Catalogue, home: Home
) -> tuple[frozenset[str], list[Finding]]:
    """The people with an account that can sign, and what was found out about all of them."""
    good: set[str] = set()
    findings: list[Finding] = []
    for name, entry in sorted(catalogue.people.items()):
        found = [await _account(chat, name, entry, user_id, home) for user_id in entry.user_ids]
        findings += found
        # What could not be looked up now is no reason to call the plans unsignable as well.
        if any(finding.status != "fail" for finding in found):
            good.add(name)
    return frozenset(good), findings


async def _account(chat: Chat, name: str, entry: PersonEntry, user_id: str, home: Home) -> Finding:
    subject = f"{name} ({user_id})"
    try:
        person = await chat.person(user_id)
    except TemporaryError as error:
        return Finding(
            "person", subject, "warn", f"not known now: {error}", "Ask again in a minute."
        )
    except PermanentError as error:
        return Finding("person", subject, "fail", error.code or "can't be looked up", str(error))
    refused = outsider(person, home)
    if refused is not None:
        do = "Put a full member's account under `people:`, or leave this one out."
        return Finding("person", subject, "fail", f"can't sign: {refused}", do)
    if entry.email and person.email and entry.email.casefold() != person.email.casefold():
        do = f"Correct `email:` of {name}, or the account."
        text = f"Slack has another address: {person.email}"
        return Finding("person", subject, "warn", text, do)
    return Finding("person", subject, "ok", f"{person.name}, a full member")


async def holders(
    chat: Chat, catalogue: Catalogue, home: Home, able: frozenset[str]
) -> tuple[Holders, list[Finding]]:
    """Who can sign in which roles: `able` people of the configuration, and members of groups."""
    held: dict[str, set[str]] = {}
    findings: list[Finding] = []
    for role, entry in sorted(catalogue.roles.items()):
        for person in entry.people & able:
            held.setdefault(person, set()).add(role)
        for group in entry.groups:
            members, finding = await _group(chat, role, group)
            findings.append(finding)
            for user_id in sorted(members):
                person = catalogue.person_of(user_id)
                if person in able or await _member(chat, catalogue, user_id, home):
                    held.setdefault(person, set()).add(role)
    return {person: tuple(sorted(roles)) for person, roles in sorted(held.items())}, findings


async def _group(chat: Chat, role: str, group: str) -> tuple[frozenset[str], Finding]:
    subject = f"{role} ({group})"
    try:
        members = await chat.group(group)
    except TemporaryError as error:
        do = "Ask again in a minute."
        return frozenset(), Finding("role", subject, "warn", f"not known now: {error}", do)
    except PermanentError as error:
        return frozenset(), Finding("role", subject, "fail", error.code, str(error))
    if not members:
        do = "Add people to the user group, or list `people:` for the role."
        return members, Finding("role", subject, "warn", "the user group is empty", do)
    return members, Finding("role", subject, "ok", f"{len(members)} in the user group")


async def _member(chat: Chat, catalogue: Catalogue, user_id: str, home: Home) -> bool:
    """Whether somebody who is only in a group can sign; a person of the file was looked at."""
    if catalogue.person_of(user_id) != user_id:
        return False
    try:
        return outsider(await chat.person(user_id), home) is None
    except (TemporaryError, PermanentError):
        return False


def seats(plans: Mapping[str, Plan], held: Holders) -> Iterator[Finding]:
    """Whether different people can fill the seats of each plan, whoever of them asks."""
    for name, plan in sorted(plans.items()):
        rules = (("release", plan.approval), ("rollback", plan.rollback_approval))
        for what, rule in rules:
            if rule is not None:
                yield _seats(f"{name}, {what}", what, rule, held)


def _seats(subject: str, what: str, rule: Approval, held: Holders) -> Finding:
    wanted = (*rule.roles, *[ANY] * rule.any)
    empty = unfilled(wanted, held)
    if empty:
        do = "Give these roles to more people; one person fills one seat."
        return Finding("seats", subject, "fail", f"nobody is left for {_named(empty)}", do)
    stuck = [person for person in held if unfilled(wanted, held, without=person)]
    if what == "release" and len(stuck) == len(held):
        do = "Who asks can't sign. Give the roles to one more person."
        text = "nobody could ask for a release and still have it signed"
        return Finding("seats", subject, "fail", text, do)
    if stuck and what == "release":
        do = "That is fine when others ask; otherwise give their roles to one more person."
        text = f"can't be signed when asked for by {', '.join(stuck)}"
        return Finding("seats", subject, "warn", text, do)
    return Finding("seats", subject, "ok", f"{rule.seats} different people can sign")


def unfilled(wanted: Sequence[str], held: Holders, *, without: str = "") -> list[str]:
    """The seats that stay empty after the best seating, without one person."""
    signed = [
        Signature(person, "", roles, _ANY_TIME)
        for person, roles in held.items()
        if person != without
    ]
    taken = seating(wanted, signed)
    return [seat for index, seat in enumerate(wanted) if index not in taken]


def _named(wanted: Sequence[str]) -> str:
    return ", ".join("anybody with a role" if seat == ANY else seat for seat in wanted)
