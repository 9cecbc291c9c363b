"""What is wrong with `notices:` of the configuration, as far as notices leave the house."""

from collections.abc import Iterator
from typing import Protocol

from bot.domain.addresses import sender
from bot.domain.documents import DocumentError


class Outgoing(Protocol):
    """The keys that belong to the ways out."""

    @property
    def from_(self) -> str: ...
    @property
    def recipients(self) -> str: ...
    @property
    def url(self) -> str: ...


def mistakes_in_outgoing(notices: Outgoing | None) -> Iterator[DocumentError]:
    """What could never go out."""
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
    if notices.url and not notices.url.startswith(("https://", "http://")):
        yield DocumentError(("notices", "url"), f"{notices.url!r} is not an https:// address")
