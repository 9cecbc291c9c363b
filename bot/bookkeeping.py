"""The parts of the configuration about what is kept outside the bot's own database."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from msgspec import Meta

from bot.domain.documents import DocumentError, nearest
from bot.domain.notary import Care
from bot.domain.plan_terms import Closed, Duration
from bot.domain.standup_settings import ChannelId
from bot.domain.units import parse_duration

Address = Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
Repository = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]


class RecordsDocument(Closed, frozen=True, kw_only=True):
    """Where change logs and version items are written.

    folder: beside the configuration unless it begins with a slash.
    """

    folder: str


class AnchorsDocument(Closed, frozen=True, kw_only=True):
    """Where ends of the record are kept, and how often it is read.

    channel: of Slack. file: beside the configuration unless it begins with a slash.
    """

    every: Duration = "1h"
    channel: ChannelId | Literal[""] = ""
    file: str = ""


class AuditDocument(Closed, frozen=True, kw_only=True):
    """What keeps the record of what happened from being changed unseen."""

    anchors: AnchorsDocument = AnchorsDocument()


class GithubDocument(Closed, frozen=True, kw_only=True):
    """Where the code lies; the token is COUNTERSIGN_GITHUB_TOKEN.

    repositories: service -> owner/name. environments: ours -> what GitHub calls it, where that
    differs. url: of the API; of an own server https://HOST/api/v3.
    """

    repositories: Mapping[str, Repository]
    environments: Mapping[str, str] = {}
    url: Address = "https://api.github.com"


def strangers(github: GithubDocument | None, services: Collection[str]) -> list[DocumentError]:
    """Repositories of services that there are not."""
    names = github.repositories if github is not None else {}
    place = ("github", "repositories")
    return [
        DocumentError((*place, name), "there is no such service", nearest(name, services))
        for name in names
        if name not in services
    ]


def care_of(audit: AuditDocument) -> Care:
    """What the notary is told."""
    anchors = audit.anchors
    return Care(
        every=parse_duration(anchors.every), channel=anchors.channel, file=bool(anchors.file)
    )
