"""Who is behind an account, and what they may sign now.

For traffic to rise, everything has to be known for certain this minute. For traffic to fall, what
was known last is enough, however old.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from bot.domain.approvals import ANY
from bot.domain.people import Actor
from bot.engine.catalogue import Catalogue, RoleEntry
from bot.engine.clock import Clock
from bot.ports import Chat, PermanentError, Person, TemporaryError
from bot.store.database import Store
from bot.store.queries import records

GROUP_AGE = 300.0
"""For how many seconds the members of a user group are believed."""


STILL = "Pause and rollback still work."


class Home(msgspec.Struct, frozen=True):
    """The workspace that the bot belongs to."""

    team_id: str
    enterprise_id: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """Why somebody may not sign.

    temporary: it could not be found out now. outsider: not a full member, so not even a pause.
    """

    reason: str
    temporary: bool = False
    outsider: bool = False


class Directory:
    """Looks people up: the configuration first, the chat for the rest."""

    def __init__(
        self, catalogue: Catalogue, chat: Chat, store: Store, clock: Clock, home: Home
    ) -> None:
        self._catalogue = catalogue
        self._chat = chat
        self._store = store
        self._clock = clock
        self._home = home
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}

    async def for_signing(self, user_id: str, *, fresh: bool = False) -> Actor | Refusal:
        """Somebody who wants traffic to rise. fresh: don't believe an older look at the groups."""
        try:
            person = await self._chat.person(user_id)
            refused = outsider(person, self._home)
            if refused is not None:
                return Refusal(refused, outsider=True)
            roles = await self._roles(user_id, fresh=fresh)
        except TemporaryError as error:
            return Refusal(
                f"Who you are can't be looked up now ({error}). {STILL}",
                temporary=True,
            )
        except PermanentError as error:
            return Refusal(f"Who you are can't be looked up ({error}). {STILL}")
        return await self._known(user_id, roles)

    async def for_falling(self, user_id: str) -> Actor | Refusal:
        """Somebody who wants traffic to fall: the last known roles do, and the chat may be down.

        Only somebody who is known not to be a full member is refused.
        """
        found = await self.for_signing(user_id)
        if isinstance(found, Actor) or found.outsider:
            return found
        name = self._catalogue.person_of(user_id)
        held = await self._store.transact(lambda conn: records.last_roles(conn, name))
        roles = held.roles if held else self._configured(name)
        return Actor(name, user_id, roles, roles_stale=True)

    async def signers(self, seats: Sequence[str], *, without: Iterable[str] = ()) -> list[str]:
        """The accounts to ask for these seats, one per person. without: people to leave out.

        Raises TemporaryError when a user group can't be read now.
        """
        names = self._catalogue.roles if ANY in seats else set(seats)
        people: dict[str, str] = {}
        for name in sorted(names):
            role = self._catalogue.roles.get(name, RoleEntry())
            for person in sorted(role.people):
                people.setdefault(person, self._catalogue.account_of(person))
            for group in role.groups:
                for user_id in sorted(await self._members(group)):
                    people.setdefault(self._catalogue.person_of(user_id), user_id)
        left_out = set(without)
        return [account for who, account in people.items() if account and who not in left_out]

    def _configured(self, person: str) -> tuple[str, ...]:
        return tuple(
            n for n, role in sorted(self._catalogue.roles.items()) if person in role.people
        )

    async def _roles(self, user_id: str, *, fresh: bool) -> tuple[str, ...]:
        person = self._catalogue.person_of(user_id)
        held: list[str] = []
        for name, role in sorted(self._catalogue.roles.items()):
            if person in role.people or await self._in_any(user_id, role.groups, fresh):
                held.append(name)
        return tuple(held)

    async def _in_any(self, user_id: str, groups: Sequence[str], fresh: bool) -> bool:
        for group in groups:
            if user_id in await self._members(group, fresh=fresh):
                return True
        return False

    async def _members(self, group: str, *, fresh: bool = False) -> frozenset[str]:
        known = self._groups.get(group)
        if known is not None and not fresh and self._clock.monotonic() - known[0] < GROUP_AGE:
            return known[1]
        members = await self._chat.group(group)
        self._groups[group] = (self._clock.monotonic(), members)
        return members

    async def _known(self, user_id: str, roles: tuple[str, ...]) -> Actor:
        person = self._catalogue.person_of(user_id)
        held = records.Held(person, user_id, roles, self._clock.now())

        def unit(conn: Connection) -> None:
            last = records.last_roles(conn, person)
            if last is None or (last.user_id, last.roles) != (user_id, roles):
                records.remember_roles(conn, held)

        await self._store.transact(unit)
        return Actor(person, user_id, roles)


def outsider(person: Person, home: Home) -> str | None:
    """Why an account is not a full member of the home workspace; None: it is one."""
    if person.is_bot:
        return "Bots can't do this."
    if person.is_deleted:
        return "This account is deactivated."
    if person.is_guest:
        return "Guests can't do this. Ask a full member of the workspace."
    same_enterprise = bool(home.enterprise_id) and person.enterprise_id == home.enterprise_id
    if person.is_stranger or (person.team_id != home.team_id and not same_enterprise):
        return "Only members of this workspace can do this. Ask one of them."
    return None
