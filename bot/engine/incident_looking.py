"""What is looked at when a clock of an incident has run out: whether another one says the same."""

import msgspec
from sqlalchemy import Connection

from bot.domain.incident import Incident, Waited
from bot.domain.notice import Notice
from bot.domain.notice_clock import runs
from bot.store.database import Store
from bot.store.queries import notices


class IncidentLooker:
    """Implements `bot.engine.loops.Looker`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._notice = msgspec.json.Decoder(Notice)

    async def look(self, incident: Incident) -> Waited:
        """Where customers are told of it, the clock of that notice is the only one."""
        return Waited(told=await self._store.transact(lambda conn: self._told(conn, incident.id)))

    def failed(self, _incident: Incident, _reason: str) -> Waited:
        """One reminder too many is better than none."""
        return Waited()

    def looked(self, _incident: Incident) -> None:
        """Nothing is kept between two looks."""

    def _told(self, conn: Connection, id_: str) -> bool:
        state = notices.state_of(conn, id_)
        return state is not None and runs(self._notice.decode(state))
