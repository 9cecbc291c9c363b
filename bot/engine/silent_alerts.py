"""Alerts of which nothing is heard any more: nobody knows whether they fire, and a person is asked.

Alertmanager repeats what fires (`repeat_interval`, four hours unless set otherwise). Where that
stays out, the alert is neither over nor on for certain. It goes on counting as firing, since what
is unknown is no reason to go on, until somebody has looked and says so.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from bot.domain.incident import Captured
from bot.domain.reports import Report, words
from bot.engine import transitions
from bot.engine.engine import Tools
from bot.engine.incident_means import IncidentPresenter
from bot.engine.kinds import AnyKind
from bot.ports import Message, PermanentError, TemporaryError
from bot.store.queries import incidents, records, reports

log = logging.getLogger(__name__)

PACE = timedelta(minutes=1)
"""How often it is looked for."""

AGAIN = timedelta(minutes=10)
"""When a message that nobody took is tried again."""


class _Silent(msgspec.Struct, frozen=True):
    """One alert of a place, and when it was heard of last."""

    service: str
    environment: str
    report: Report
    heard_at: datetime

    @property
    def key(self) -> str:
        place = f"{self.service}:{self.environment}"
        return f"silent:{place}:{self.report.id}:{self.report.at.isoformat()}"


class SilentAlerts:
    """Asks once for each beginning of an alert. after: without a word for so long.

    kind: of incidents. release: the slash command by which an alert is said to be over.
    """

    def __init__(
        self,
        tools: Tools,
        kind: AnyKind,
        presenter: IncidentPresenter,
        after: timedelta,
        release: str,
    ) -> None:
        self._tools = tools
        self._presenter = presenter
        self._kind = kind
        self._after = after
        self._release = release
        self._next: datetime | None = None

    async def beat(self) -> int:
        """Look, at most once a minute; how many were asked about."""
        now = self._tools.clock.now()
        if self._next is not None and now < self._next:
            return 0
        self._next = now + PACE
        store = self._tools.store
        found = await store.transact(lambda conn: self._found(conn, now))
        return sum([await self._ask(each, now) for each in found])

    def _found(self, conn: Connection, now: datetime) -> Sequence[_Silent]:
        rows = reports.unheard(conn, now - self._after)
        found = [_Silent(service, place, one, heard) for service, place, one, heard in rows]
        return [each for each in found if records.sent(conn, each.key) is None]

    async def _ask(self, silent: _Silent, now: datetime) -> bool:
        """Of any number of processes one asks at a time; again later when it was not taken."""
        store = self._tools.store
        turn = str(int(now.timestamp() // AGAIN.total_seconds()))
        if not await store.transact(lambda c: records.claim_cron(c, silent.key, turn, now)):
            return False
        try:
            posted = await self._tools.chat.post(self._message(silent), silent.key)
        except (TemporaryError, PermanentError) as error:
            log.warning("nobody could be asked about %s: %s", silent.report.kind, error)
            return False
        kept = records.Sent(
            key=silent.key, channel=posted.channel, ts=posted.ts, purpose="silent alert"
        )

        def unit(conn: Connection) -> None:
            records.remember_sent(conn, kept, now)
            self._note(conn, silent, now)

        await store.transact(unit)
        return True

    def _note(self, conn: Connection, silent: _Silent, now: datetime) -> None:
        place = (silent.service, silent.environment)
        text = (
            f"The alert {silent.report.kind} is unknown: not heard of since {_at(silent.heard_at)}"
        )
        for id_ in incidents.of_alert(conn, *place, silent.report.id):
            transitions.apply(conn, self._kind, id_, Captured(text, now), now)

    def _message(self, silent: _Silent) -> Message:
        report, catalogue = silent.report, self._tools.catalogue
        target = catalogue.targets.get((silent.service, silent.environment))
        level = f" ({report.level})" if report.level else ""
        name = f"{words(report.kind)}{level} on {silent.service} {silent.environment}"
        text = (
            f"Does the alert {name} still fire? Nothing has been heard of it since "
            f"{_at(silent.heard_at)}, and it goes on counting as firing. Look, and when it is over "
            f"say `{self._release} report close {report.id} {silent.service}`."
        )
        channel = target.channel if target is not None else catalogue.channels.default
        return msgspec.structs.replace(self._presenter.line(text), channel=channel)


def _at(at: datetime) -> str:
    return f"t[{int(at.timestamp())}]"
