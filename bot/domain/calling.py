"""What is told to a pager and a ticket system, as values."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec


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
