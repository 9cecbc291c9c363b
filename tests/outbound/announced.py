"""Notices as tests send them, and who gets them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from bot.ports import Announcement

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)

MAINTENANCE = Announcement(
    event="mtn-7",
    sequence=0,
    kind="maintenance",
    status="scheduled",
    service="checkout",
    title="Checkout moves to new servers",
    subject="[SCHEDULED] Checkout moves to new servers",
    text="Checkout will be slower on Tuesday.\n\nFrom 09:00 to 10:00 UTC.\n",
    html="<p>Checkout will be <b>slower</b> on Tuesday.</p><p>From 09:00 to 10:00 UTC.</p>",
    starts_at=datetime(2026, 3, 3, 9, 0, tzinfo=UTC),
    ends_at=datetime(2026, 3, 3, 10, 0, tzinfo=UTC),
    components=("Checkout",),
)
INCIDENT = Announcement(
    event="inc-3",
    sequence=0,
    kind="incident",
    status="investigating",
    service="checkout",
    title="Payments fail",
    subject="[INVESTIGATING] Payments fail",
    text="Some payments fail. Next update at 12:20 UTC.\n",
    html="<p>Some payments fail. Next update at 12:20 UTC.</p>",
    components=("Checkout",),
)


def later(of: Announcement, sequence: int, status: str, **more: Any) -> Announcement:
    """A further notice about the same event."""
    subject = f"[{status.upper()}] {of.title}"
    return msgspec.structs.replace(of, sequence=sequence, status=status, subject=subject, **more)


@dataclass
class Book:
    """An `AddressBook` in memory."""

    wanted: dict[str, set[str]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)

    async def joined(self, service: str) -> Collection[str]:
        return self.wanted.get(service, set())

    async def left(self, service: str) -> Collection[str]:
        return self.gone.get(service, set())
