"""Where a bot may die on purpose: just before and just after each commit that it makes.

A commit point is named by what its transaction wrote, as SQLAlchemy tells it: the bot's own code
knows nothing of this. The same hooks let the disk be full.
"""

import os
import re
import signal
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

_WRITES = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM) "?(\w+)')
_VERBS = {"INSERT INTO": "add", "UPDATE": "change", "DELETE FROM": "delete"}

_NO_SPACE = "DO $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$"
_ENDLESS = 4_294_967_294

_WROTE, _COMMITTED = "campaign.wrote", "campaign.committed"


def what_was_written(statement: str, values: dict[str, Any]) -> str:
    """A few words for one statement; "" when it only reads. values: its parameters by name."""
    match = _WRITES.match(statement)
    if match is None:
        return ""
    verb, table = match.groups()
    if table == "audit":
        told = msgspec.json.decode(values["event"]).get("type", "?")
        return f"{values['kind']} {told} {values['phase_before']}>{values['phase_after']}"
    if table == "outbox" and "effect" in values:
        return f"ask for {msgspec.json.decode(values['effect']).get('type', '?')}"
    if table in {"outbox", "inbox", "op"} and "state" in values:
        return f"{table} {values['state']}"
    return f"{_VERBS[verb]} {table}"


def point_of(words: list[str]) -> str:
    """The name of a commit point. Decisions name it alone: what comes of them follows from them."""
    decisions = [word for word in words if ">" in word]
    return " + ".join(sorted(set(decisions or words)))


class Points:
    """The hooks of one process.

    notes: a file that gets a line for each point that was passed or died at. taken: points at which
    others have died already, so that this process dies at the first other one; None: at none.
    full: while this file exists, the disk is full.
    """

    def __init__(self, notes: Path, taken: frozenset[str] | None, full: Path) -> None:
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._taken = taken
        self._full = full
        self._seen: set[str] = set()

    def watch(self) -> None:
        """Listen to every engine of this process from now on."""
        event.listen(Engine, "begin", self._begun)
        event.listen(Engine, "before_cursor_execute", self._executing)
        event.listen(Engine, "commit", self._committing)
        event.listen(Pool, "checkin", self._given_back)

    def _begun(self, conn: Connection) -> None:
        conn.info[_WROTE] = []
        conn.info.pop(_COMMITTED, None)
        if conn.dialect.name == "sqlite":
            # A limit below what the file has already means: not one page more.
            conn.exec_driver_sql(f"PRAGMA max_page_count={1 if self._full.exists() else _ENDLESS}")

    def _executing(
        self, conn: Connection, _cursor: Any, statement: str, _given: Any, context: Any, _many: bool
    ) -> None:
        compiled = getattr(context, "compiled_parameters", None)
        if not compiled or not (word := what_was_written(statement, compiled[0])):
            return
        conn.info.setdefault(_WROTE, []).append(word)
        if conn.dialect.name == "postgresql" and self._full.exists():
            conn.exec_driver_sql(_NO_SPACE)

    def _committing(self, conn: Connection) -> None:
        words = conn.info.get(_WROTE)
        if words:
            point = point_of(words)
            self._pass(f"before {point}")
            conn.info[_COMMITTED] = point

    def _given_back(self, _connection: Any, record: Any) -> None:
        point = record.info.pop(_COMMITTED, "")
        if point:
            self._pass(f"after {point}")

    def _pass(self, point: str) -> None:
        if point not in self._seen:
            self._seen.add(point)
            self._note("passed", point)
        if self._taken is not None and point not in self._taken:
            self._note("died", point)
            os.kill(os.getpid(), signal.SIGKILL)

    def _note(self, what: str, point: str) -> None:
        os.write(self._notes, f"{what} {point}\n".encode())
