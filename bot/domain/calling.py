"""What is told to a pager and a ticket system, and how they are configured."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.domain.plan_terms import Closed

Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
Repository = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is to wake somebody.

    key: the same for everything about one incident. summary: in a sentence. severity: critical,
    major or minor. at: aware, when it began. link: where people work on it.
    """

    key: str
    summary: str
    severity: str
    service: str
    environment: str
    at: datetime
    link: str = ""
    details: Mapping[str, str] = {}


class TicketOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that is to be there. key: the same however often it is asked for."""

    key: str
    title: str
    body: str
    labels: Sequence[str] = ()


class Ticket(msgspec.Struct, frozen=True):
    """A ticket. reference: what people call it; link: where it is."""

    reference: str
    link: str = ""


class PagerDutyDocument(Closed, frozen=True, kw_only=True):
    """PagerDuty's Events API; its key comes from the environment. url: where it is instead."""

    url: Url | None = None


class PagingDocument(Closed, frozen=True, kw_only=True):
    """Who is told to wake somebody. webhook: an address that takes signed documents."""

    pagerduty: PagerDutyDocument | None = None
    webhook: Url | None = None


class GitHubDocument(Closed, frozen=True, kw_only=True):
    """Issues of a repository. labels: on each of them. url: of the API, if elsewhere."""

    repository: Repository
    labels: tuple[str, ...] = ()
    url: Url | None = None


class TicketsDocument(Closed, frozen=True, kw_only=True):
    """Where tickets are kept: GitHub, or an address that takes signed documents."""

    github: GitHubDocument | None = None
    webhook: Url | None = None
