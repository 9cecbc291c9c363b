"""What the engine asks of those who show and keep what is known of a release; see `bot.ports`."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from bot.domain.release_log import Entry, VersionItem
from bot.ports import Message, Target

__all__ = ["Gallery", "Picture", "RecordBook", "VersionKeeper"]


class Picture(msgspec.Struct, frozen=True):
    """A picture for people. alt: what is to be seen in it, for those who can't see it."""

    name: str
    title: str
    alt: str
    content: bytes


class Gallery(Protocol):
    """Where pictures are shown in the chat. Raises what `Chat` raises."""

    async def upload(self, picture: Picture) -> str:
        """Hand a picture over, to be seen by nobody yet; its id."""
        ...

    async def share(self, file_id: str, title: str, message: Message) -> None:
        """Show what was uploaded in a channel or thread, with the message's plain text.

        Raises PermanentError(code="file_not_found") when it is shown already, or was dropped.
        """
        ...

    async def shared(self, file_id: str, channel: str, thread_ts: str) -> bool:
        """Whether it is to be seen in that thread already (after a lost reply)."""
        ...


class RecordBook(Protocol):
    """Where change logs and version items are written. Raises TemporaryError, PermanentError."""

    async def write(
        self, service: str, environment: str, items: Sequence[VersionItem], entries: Sequence[Entry]
    ) -> None:
        """Bring them up to date; writing the same again changes nothing.

        items: of that environment, newest first. entries: of the service, newest first.
        """
        ...


@runtime_checkable
class VersionKeeper(Protocol):
    """A deployer that keeps a list of versions itself. Raises TemporaryError, PermanentError."""

    async def keep_version(self, target: Target, item: VersionItem, key: str) -> None:
        """Put one version into the list, in place of what it says of that version.

        key: idempotency key. Nothing happens where the deployer keeps no list.
        """
        ...
