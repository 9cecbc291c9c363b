"""What follows the writing of a rollout for the chores that belong to it, in the same unit.

The rows of a rollout's chores are all locked before the first is written, as `Kind.follow` asks.
"""

from datetime import datetime

from sqlalchemy import Connection

from bot.domain.chores import ChoreDone, ChoreDropped, ChoreEvent, begin
from bot.domain.people import THE_BOT
from bot.domain.planned import chores, done_lists
from bot.domain.rollout import BEFORE_TRAFFIC, Phase, Rollout
from bot.engine import transitions
from bot.engine.kinds import AnyKind
from bot.store.queries import chores as rows

_GONE = frozenset({Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED, Phase.ROLLED_BACK})


class Reminders:
    """Begins, ticks and ends the chores of rollouts whose first day is set."""

    def __init__(self, kind: AnyKind) -> None:
        self._kind = kind

    def follow(self, conn: Connection, before: Rollout, after: Rollout, now: datetime) -> None:
        """See `Kind.follow`."""
        if after.planned_at is None:
            return
        if after.looked and not before.looked:
            for chore in chores(after, now):
                transitions.create(conn, self._kind, *begin(chore), now)
        moved = before.phase is not after.phase or before.items != after.items
        if moved:
            self._bring_up_to_date(conn, after, now)

    def _bring_up_to_date(self, conn: Connection, rollout: Rollout, now: datetime) -> None:
        done = done_lists(rollout)
        events: list[tuple[str, ChoreEvent]] = []
        for row in rows.of_rollout(conn, rollout.id, lock=True):
            chore = self._kind.load(row)
            if rollout.phase in _GONE:
                why = f"{rollout.version} was {rollout.phase.replace('_', ' ')}"
                events.append((chore.id, ChoreDropped(why)))
            elif chore.follows and chore.id in done:
                events.append((chore.id, ChoreDone(THE_BOT, "every item is ticked")))
            elif chore.follows and rollout.phase not in BEFORE_TRAFFIC:
                events.append((chore.id, ChoreDropped("the release has begun")))
        for id_, event in events:
            transitions.apply(conn, self._kind, id_, event, now)
