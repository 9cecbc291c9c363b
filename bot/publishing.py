"""From `notices:` to the ways out that it names."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import httpx

from bot.domain import leaving
from bot.domain.addresses import sender
from bot.engine.clock import Clock
from bot.outbound.mail import Mail, server
from bot.outbound.statuspage import API, Pace, StatusPage
from bot.ports import AddressBook, Outlet
from bot.settings import Settings

EMAIL, STATUSPAGE = "email", "statuspage"
TRANSLATED = frozenset({EMAIL})
"""Those that give each destination a notice in its own language."""


class _Nobody:
    """Implements `AddressBook` for those who only look whether everything can be built."""

    async def joined(self, service: str) -> Collection[str]:  # noqa: ARG002
        return ()

    async def left(self, service: str) -> Collection[str]:  # noqa: ARG002
        return ()


NOBODY: AddressBook = _Nobody()


class Reach(NamedTuple):
    """What the ways out need of the outside. pace: of the calls to the status page."""

    clock: Clock
    http: httpx.AsyncClient
    pace: Pace


def outlets(settings: Settings, reach: Reach, book: AddressBook) -> Mapping[str, Outlet]:
    """Every way out that is configured, by name. Raises ValueError for what can't work."""
    return dict([*_mail(settings, reach.clock, book), *_statuspage(settings, reach)])


def _statuspage(settings: Settings, reach: Reach) -> Iterator[tuple[str, Outlet]]:
    notices = settings.config.notices
    page = notices.statuspage if notices is not None else None
    if page is None or not settings.secrets.statuspage:
        return
    yield (
        STATUSPAGE,
        StatusPage(
            page.page,
            settings.secrets.statuspage,
            http=reach.http,
            pace=reach.pace,
            components=page.components,
            affected=page.affected,
            api=page.url or API,
        ),
    )


def _mail(settings: Settings, clock: Clock, book: AddressBook) -> Iterator[tuple[str, Outlet]]:
    notices = settings.config.notices
    if notices is None or not notices.from_ or not settings.secrets.smtp:
        return
    key = leaving.key_from(settings.secrets.slack_signing or settings.secrets.slack_app)

    def link(address: str, service: str) -> str:
        return leaving.link(notices.url, key, address, service) if notices.url else ""

    yield (
        EMAIL,
        Mail(
            server(settings.secrets.smtp),
            sender(notices.from_),
            listed=settings.folder / notices.recipients if notices.recipients else None,
            book=book,
            link=link,
            now=clock.now,
            languages=notices.languages,
            inside={name: audience.mail for name, audience in notices.audiences.items()},
        ),
    )


class Lacking(NamedTuple):
    """A way out that is configured and lacks a secret. name: of the way. do: what to do."""

    name: str
    problem: str
    do: str


def silent(settings: Settings) -> Iterator[Lacking]:
    """Ways out that are configured and can't be used."""
    notices = settings.config.notices
    if notices is not None and notices.from_ and not settings.secrets.smtp:
        do = (
            "Set COUNTERSIGN_SMTP_URL to the mail server that takes them, like "
            "smtp://user:password@host:587?starttls=1."
        )
        yield Lacking(EMAIL, "no notice goes out by e-mail: there is no mail server", do)
    if notices is not None and notices.statuspage and not settings.secrets.statuspage:
        do = (
            "Set COUNTERSIGN_STATUSPAGE_KEY to a key of the page's API (API info, at the bottom of "
            "its menu)."
        )
        yield Lacking(STATUSPAGE, "no notice goes to the status page: there is no key", do)
