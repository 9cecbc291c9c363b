"""Notices on a status page of Atlassian Statuspage, by its published API (version 1).

The API knows no idempotency key. Ours goes into the metadata of the page's incident, together with
what the event did to components, and before anything is written the incidents are looked through
for it: so a lost reply, a restart or another replica repeats nothing, and nothing is kept here.

A cancelled maintenance is `completed` on the page, which has no other word for it; the text says
why.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx
import msgspec

from bot.domain.documents import nearest
from bot.domain.secret import Secret
from bot.outbound.components import (
    ENDS,
    MAINTENANCE,
    Component,
    Hold,
    Holds,
    given_back,
    named,
    taken,
)
from bot.ports import Announcement, Delivered, Looked, PermanentError, TemporaryError

log = logging.getLogger(__name__)

API = "https://api.statuspage.io"
THROTTLED = (420, 429)
PATIENCE = timedelta(seconds=60)
"""How long to wait when the page says that it is too much and not for how long: its window."""

OURS = "countersign"
"""The part of an incident's metadata that is ours."""

LONGEST_NAME, LONGEST_BODY = 255, 25_000
PAGE_SIZE, PAGES = 100, 5
_SAID = 300

_STATUS = {"rescheduled": "scheduled", "cancelled": "completed"}
"""Our words that the page calls otherwise."""

_TOUCHES = ("investigating", "identified", "in_progress", "verifying")
"""The states in which components are not as they should be. Monitoring leaves them as they are."""


class Pace:
    """Lets calls through one at a time, never faster than the API allows.

    interval: seconds from one call to the next. monotonic, sleep: the clock.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        interval: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._interval = interval
        self._sleep = sleep
        self._next = float("-inf")

    async def turn(self) -> None:
        """Returns when a call may be made. Whoever asks first goes first."""
        now = self._monotonic()
        mine = max(self._next, now)
        self._next = mine + self._interval
        if mine > now:
            await self._sleep(mine - now)


class Known(msgspec.Struct, frozen=True):
    """What we wrote into an incident. keys: of its notices; sequence: the number of the last."""

    event: str
    sequence: int = -1
    keys: tuple[str, ...] = ()
    holds: Mapping[str, Hold] = {}


class Incident(msgspec.Struct, frozen=True):
    """An incident or a maintenance as the page tells it."""

    id: str
    status: str = ""
    shortlink: str = ""
    metadata: Mapping[str, Any] | None = None

    @property
    def known(self) -> Known | None:
        """What we wrote into it; None when it is somebody else's."""
        try:
            return msgspec.convert((self.metadata or {}).get(OURS), Known)
        except msgspec.ValidationError:
            return None


class StatusPage:
    """Implements `Outlet`. The destination is the page.

    components: service -> ids or names of what it is on the page; a service that is not there is
    not on the page, with none at all every service is. affected: how components are during an
    incident.
    """

    def __init__(
        self,
        page: str,
        key: Secret,
        *,
        http: httpx.AsyncClient,
        pace: Pace,
        components: Mapping[str, Sequence[str]] = {},
        affected: str = "degraded_performance",
        api: str = API,
    ) -> None:
        self._page = page
        self._key = key
        self._http = http
        self._pace = pace
        self._components = components
        self._affected = affected
        self._alone = asyncio.Lock()
        self._base = f"{api.rstrip('/')}/v1/pages/{page}"

    async def destinations(self, announcement: Announcement) -> Sequence[str]:
        """The page, if the service is on it; what is about no service always is.

        What is said inside the house is on no page.
        """
        if announcement.audience:
            return []
        service = announcement.service
        listed = not service or not self._components or service in self._components
        return [self._page] if listed else []

    async def publish(self, announcement: Announcement, destination: str, key: str) -> Delivered:
        """Create the event's incident, or go on in it; once for each key."""
        if destination != self._page:
            raise PermanentError(f"the page is {self._page} now, not {destination}", code="page")
        async with self._alone:  # what is read here is what the writing builds upon
            return await self._publish(announcement, _mark(key))

    async def _publish(self, said: Announcement, mark: str) -> Delivered:
        ours = await self._ours()
        found = next((each for each in ours if _known(each).event == said.event), None)
        known = _known(found) if found is not None else Known(said.event)
        if found is not None and mark in known.keys:
            return Delivered(found.id, found.shortlink)
        if said.sequence < known.sequence:
            problem = "a later notice about this is on the status page already"
            raise PermanentError(f"{problem}; this one was left out", code="overtaken")
        others = [
            _known(each).holds
            for each in ours
            if _known(each).event != said.event and each.status not in ENDS
        ]
        fields, holds = await self._fields(said, known, others)
        after = Known(said.event, said.sequence, (*known.keys, mark), holds)
        rest = dict(found.metadata or {}) if found is not None else {}
        body = {**fields, "metadata": {**rest, OURS: msgspec.to_builtins(after)}}
        path = f"/incidents/{found.id}" if found is not None else "/incidents"
        method = "PATCH" if found is not None else "POST"
        written = await self._call(method, path, Incident, {"incident": body})
        return Delivered(written.id, written.shortlink)

    async def examine(self, services: Sequence[str]) -> Sequence[Looked]:  # noqa: ARG002
        """Whether the page and its components are there."""
        try:
            components = await self._all_components()
        except (TemporaryError, PermanentError) as error:
            do = "Correct COUNTERSIGN_STATUSPAGE_KEY and `notices: {statuspage: {page: ...}}`."
            return [Looked(self._page, str(error), do, "fail")]
        looks = [Looked(self._page, f"has {len(components)} components")]
        for service, words in self._components.items():
            for word in named(words, components)[1]:
                names = [component.name for component in components]
                problem = _with_hint(f"the page has no component {word!r}", word, names)
                do = "Correct `components:`; notices are published without it."
                looks.append(Looked(service, problem, do, "warn"))
        return looks

    # --- what is said -------------------------------------------------------------------------

    async def _fields(
        self, said: Announcement, known: Known, others: Sequence[Holds]
    ) -> tuple[Mapping[str, Any], Holds]:
        """The fields of the incident, and what the event holds once they are written."""
        fields: dict[str, Any] = {
            "name": _shortened(said.title),
            "status": _STATUS.get(said.status, said.status),
            "body": _whole(said.text),
            "deliver_notifications": True,
        }
        if said.kind == "maintenance":
            fields |= _schedule(said)
        if not (known.holds or said.components or self._components.get(said.service)):
            return fields, known.holds
        components = await self._all_components()
        affected = self._affected_by(said, components)
        if affected:
            fields["component_ids"] = [component.id for component in affected]
        changes: Mapping[str, str] = {}
        holds: Holds = known.holds
        if said.status in _TOUCHES:
            status = MAINTENANCE if said.kind == "maintenance" else self._affected
            changes, holds = taken(status, affected, holds, others)
        elif said.status in ENDS:
            changes, holds = given_back(components, holds, others), {}
        if changes:
            fields["components"] = dict(changes)
        return fields, holds

    def _affected_by(
        self, said: Announcement, components: Sequence[Component]
    ) -> Sequence[Component]:
        """What the notice names; where the page knows none of that, what the service is there."""
        found, lacking = named(said.components, components)
        if not found:
            found, more = named(self._components.get(said.service, ()), components)
            lacking += more
        for word in lacking:
            # A word that is not on the page keeps no notice from going out; `doctor` tells it too.
            log.warning("%s has no component %r; the notice is published without it",
                        self._page, word)  # fmt: skip
        return found

    # --- what the page says -------------------------------------------------------------------

    async def _ours(self) -> Sequence[Incident]:
        """The incidents that we wrote, newest first, as far back as can matter."""
        found: list[Incident] = []
        for number in range(1, PAGES + 1):
            path = f"/incidents?limit={PAGE_SIZE}&page={number}"
            listed = await self._call("GET", path, list[Incident])
            found += [each for each in listed if each.known is not None]
            if len(listed) < PAGE_SIZE:
                break
        return found

    async def _all_components(self) -> Sequence[Component]:
        found: list[Component] = []
        for number in range(1, PAGES + 1):
            path = f"/components?per_page={PAGE_SIZE}&page={number}"
            listed = await self._call("GET", path, list[Component])
            found += listed
            if len(listed) < PAGE_SIZE:
                break
        return found

    async def _call(self, method: str, path: str, kind: Any, body: Any = None) -> Any:
        """One call. Raises TemporaryError and PermanentError."""
        await self._pace.turn()
        changes = method != "GET"
        try:
            response = await self._http.request(
                method,
                self._base + path,
                content=None if body is None else msgspec.json.encode(body),
                headers={
                    "Authorization": f"OAuth {self._key.reveal()}",
                    "Content-Type": "application/json",
                },
                follow_redirects=False,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TemporaryError(f"the status page can't be reached: {_name(error)}") from error
        except httpx.HTTPError as error:
            message = f"the status page did not answer: {_name(error)}"
            raise TemporaryError(message, unknown=changes) from error
        _judge(response, changes=changes)
        try:
            return msgspec.json.decode(response.content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"the status page answered what nobody expected: {error}"
            raise TemporaryError(message, unknown=changes) from error


def _known(incident: Incident) -> Known:
    known = incident.known
    assert known is not None
    return known


def _mark(key: str) -> str:
    """A key as it stands in the metadata: short, and it tells nothing about anybody."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _schedule(said: Announcement) -> Mapping[str, Any]:
    """When a maintenance is, and that the page shall do nothing about it by itself."""
    fields: dict[str, Any] = {
        "scheduled_remind_prior": False,
        "scheduled_auto_in_progress": False,
        "scheduled_auto_completed": False,
        "auto_transition_to_maintenance_state": False,
        "auto_transition_to_operational_state": False,
    }
    for name, moment in (("scheduled_for", said.starts_at), ("scheduled_until", said.ends_at)):
        if moment is not None:
            fields[name] = moment.isoformat().replace("+00:00", "Z")
    return fields


def _shortened(title: str) -> str:
    return title if len(title) <= LONGEST_NAME else f"{title[: LONGEST_NAME - 1]}…"


def _whole(text: str) -> str:
    if len(text) <= LONGEST_BODY:
        return text
    problem = f"the status page takes {LONGEST_BODY} characters, and the notice has {len(text)}"
    raise PermanentError(problem, code="too_long")


def _judge(response: httpx.Response, *, changes: bool) -> None:
    """Raise what a status means; return when it is fine."""
    status = response.status_code
    if response.is_success:
        return
    said = f"the status page answered {status}: {_words(response)}"
    if status in THROTTLED:
        raise TemporaryError(said, retry_after=_retry_after(response))
    if status >= 500 or status == httpx.codes.REQUEST_TIMEOUT:
        raise TemporaryError(said, unknown=changes)
    code = {401: "not_authorized", 403: "not_authorized", 404: "not_found"}.get(status, "refused")
    raise PermanentError(said, code=code)


def _words(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    return "".join(c for c in text if c.isprintable())[:_SAID] or response.reason_phrase


def _retry_after(response: httpx.Response) -> timedelta:
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and int(text) > 0:
        return timedelta(seconds=min(int(text), 3600))
    return PATIENCE


def _name(error: httpx.HTTPError) -> str:
    return f"{type(error).__name__} {error}".strip()


def _with_hint(problem: str, word: str, known: Sequence[str]) -> str:
    hint = nearest(word, known)
    return f"{problem} ({hint})" if hint else problem
