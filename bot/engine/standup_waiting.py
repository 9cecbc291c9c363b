"""What waits in standups for those who were asked to come, for their Home tabs."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from bot.domain.standup_content import in_zone
from bot.domain.standup_state import Standup
from bot.engine.kinds import Kind
from bot.engine.presenting import Errand
from bot.engine.standup_work import key_of
from bot.ports import Posted
from bot.store.queries import records, standups


class Waiting:
    """Reads the standups in which nobody has decided yet."""

    def __init__(self, kind: Kind[Standup, Any]) -> None:
        self._kind = kind

    def errands(self, conn: Connection, roles: Collection[str]) -> Sequence[Errand]:
        """See `Part`. Where a plan asks nobody to come, everybody with a role may decide."""
        found = []
        for row in standups.unfinished(conn):
            standup = self._kind.load(row)
            called = not standup.attendees or set(standup.attendees) & set(roles)
            if standup.undecided and roles and called:
                found.append(_errand(conn, standup))
        return found


def _errand(conn: Connection, standup: Standup) -> Errand:
    sent = records.sent(conn, key_of(standup))
    lines = tuple(
        f"nobody has decided yet how {topic.service} {topic.version} goes on"
        for topic in standup.undecided
    )
    title = f"Standup of {standup.plan}, {in_zone(standup.held_for, standup.zone)}"
    return Errand(title, lines, Posted(sent.channel, sent.ts) if sent is not None else None)
