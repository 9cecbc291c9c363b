"""`audit export`: entries of the record as JSON Lines or CSV, page by page."""

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from bot.cli.shell import FINE, Shell, UsageError, Verbs

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bot.store.queries.audit import Entry, Sought

PAGE = 1000

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate a cell instead of showing it."""


def add(audit: Verbs) -> None:
    """Put the verb into the group."""
    export = audit.add("export", "entries of the record, the oldest first", _export, json=True)
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="default jsonl")
    export.add_argument("--after", type=int, default=0, metavar="ID", help="only those after it")
    export.add_argument("--service", default="", help="only those of this service")
    export.add_argument("--environment", default="", help="only those of this environment")
    export.add_argument("--about", default="", metavar="ID", help="only those of this rollout, …")
    export.add_argument("--since", default="", metavar="TIME", help="2026-03-01, or with T09:00Z")
    export.add_argument("--until", default="", metavar="TIME", help="only those before it")


def _export(args: argparse.Namespace, shell: Shell) -> int:
    from bot.cli.database import database_url, run
    from bot.store.queries.audit import Sought

    sought = Sought(
        service=args.service,
        environment=args.environment,
        aggregate_id=args.about,
        since=_instant(args.since),
        until=_instant(args.until),
    )
    writer: _Writer = _Table(shell.out) if args.format == "csv" else _Lines(shell.out)
    run(_write_all(database_url(shell), args.after, sought, writer))
    shell.out.flush()
    return FINE


def _instant(text: str) -> datetime | None:
    """A date is its beginning in UTC. Raises UsageError."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text} is no time; write 2026-03-01 or 2026-03-01T09:00Z") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


async def _write_all(url: str, after: int, sought: "Sought", writer: "_Writer") -> None:
    """Page by page, each in a transaction of its own, so that memory and locks stay small."""
    from bot.cli.database import opened
    from bot.store.queries.audit import page_of

    async with opened(url) as store:
        while True:

            def unit(conn: "Connection", last: int = after) -> "list[Entry]":
                return page_of(conn, last, sought, PAGE)

            page = await store.transact(unit)
            writer.write(map(_fields, page))
            if len(page) < PAGE:
                return
            after = page[-1].id


def _fields(entry: "Entry") -> dict[str, Any]:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    fields["at"] = entry.at.isoformat(timespec="microseconds")
    return fields


class _Writer(Protocol):
    def write(self, rows: Iterable[dict[str, Any]]) -> None: ...


class _Lines:
    """One JSON object in each line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        self._out.writelines(self._line(row) for row in rows)

    def _line(self, row: dict[str, Any]) -> str:
        event = json.loads(row["event"])
        return json.dumps({**row, "event": event}, ensure_ascii=False) + "\n"


class _Table:
    """CSV with a head (RFC 4180). What people typed can't become a formula."""

    def __init__(self, out: TextIO) -> None:
        from bot.store.queries.audit import Entry

        self._rows = csv.DictWriter(out, sorted(Entry.__struct_fields__, key=_order))
        self._rows.writeheader()

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows.writerows(dict(self._cells(row)) for row in rows)

    def _cells(self, row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in row.items():
            risky = isinstance(value, str) and value.startswith(_FORMULA)
            yield name, f"'{value}" if risky else value


def _order(name: str) -> tuple[bool, bool, str]:
    return name in ("prev_hash", "hash"), name not in ("id", "at"), name
