"""What is wrong with `notices:` of the configuration, as far as notices leave the house."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal, Protocol

from msgspec import Meta

from bot.domain.addresses import sender
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan_terms import Closed

PageId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$")]


class StatuspageDocument(Closed, frozen=True, kw_only=True):
    """A page of Atlassian Statuspage.

    page: its id. components: what each service is there, by id or name; with some, services without
    any are not on the page. affected: how components are during an incident. url: of another API
    that speaks the same.
    """

    page: PageId
    components: Mapping[str, tuple[str, ...]] = {}
    affected: Literal["degraded_performance", "partial_outage", "major_outage"] = (
        "degraded_performance"
    )
    url: str = ""


class Outgoing(Protocol):
    """The keys that belong to the ways out."""

    @property
    def from_(self) -> str: ...
    @property
    def recipients(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def statuspage(self) -> StatuspageDocument | None: ...


def mistakes_in_outgoing(
    notices: Outgoing | None, services: Collection[str]
) -> Iterator[DocumentError]:
    """What could never go out. services: those that there are."""
    if notices is None:
        return
    if notices.from_:
        try:
            sender(notices.from_)
        except ValueError as error:
            yield DocumentError(("notices", "from"), str(error))
    elif notices.recipients:
        hint = "add `from: Acme <status@example.com>`"
        yield DocumentError(("notices",), "the mails have no sender", hint)
    page = notices.statuspage
    places: list[tuple[Path, str]] = [(("notices", "url"), notices.url)]
    places += [(("notices", "statuspage", "url"), page.url)] if page is not None else []
    for place, url in places:
        if url and not url.startswith(("https://", "http://")):
            yield DocumentError(place, f"{url!r} is not an https:// address")
    for name in page.components if page is not None else ():
        if name not in services:
            place = ("notices", "statuspage", "components", name)
            yield DocumentError(place, f"there is no service {name!r}", nearest(name, services))
