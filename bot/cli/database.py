"""`db upgrade`, `audit verify`, `audit export`: what is done with the database directly."""

import argparse
import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from bot.cli.shell import FINE, FOUND, ProblemError, Shell, UsageError, Verbs, quiet

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bot.store.queries.audit import Anchor, Entry

T = TypeVar("T")

PAGE = 1000


def add(verbs: Verbs) -> None:
    """Put the verbs of this module into the tree."""
    database = verbs.group("db", "the database")
    database.add("upgrade", "bring it to the shape this version expects", _upgrade, json=True)
    audit = verbs.group("audit", "the record of what happened")
    verify = audit.add("verify", "check that nothing in it was changed", _verify, json=True)
    verify.add_argument(
        "--anchor", default="", metavar="ID:HASH", help="an earlier end, which has to be in it"
    )
    export = audit.add("export", "all entries, one JSON object in each line", _export, json=True)
    export.add_argument("--after", type=int, default=0, metavar="ID", help="only those after it")


def database_url(shell: Shell) -> str:
    """Where the database is."""
    from bot.settings import SQLITE

    return shell.value("COUNTERSIGN_DATABASE_URL", SQLITE)


def _upgrade(args: argparse.Namespace, shell: Shell) -> int:
    from bot.store.migrations import newest, upgrade

    _run(upgrade(database_url(shell)))
    if args.json:
        shell.say_json({"revision": newest()})
    else:
        shell.say(f"The database is at revision {newest()}.")
    return FINE


def _verify(args: argparse.Namespace, shell: Shell) -> int:
    from bot.store.queries.audit import BrokenChainError, verify

    anchor = _anchor(args.anchor)
    try:
        head = _run(_look(database_url(shell), lambda conn: verify(conn, anchor)))
    except BrokenChainError as broken:
        if args.json:
            shell.say_json({"ok": False, "entry": broken.id, "problem": str(broken)})
        else:
            shell.say(
                f"BROKEN: {broken}.",
                "Entries before it are as they were written. Keep a copy of the database, and find "
                "out who could write to it.",
            )
        return FOUND
    if args.json:
        shell.say_json({"ok": True, "entries": head.id, "anchor": f"{head.id}:{head.hash}"})
    else:
        shell.say(
            f"{head.id} entries, none of them changed.",
            f"Keep this where nobody who can write to the database can change it, and give it as "
            f"--anchor next time: {head.id}:{head.hash}",
        )
    return FINE


def _anchor(text: str) -> "Anchor | None":
    from bot.store.queries.audit import Anchor

    if not text:
        return None
    number, _, found = text.partition(":")
    if not number.isdecimal() or len(found) != 64:
        raise UsageError("--anchor takes what `audit verify` printed earlier: ID:HASH")
    return Anchor(int(number), found)


def _export(args: argparse.Namespace, shell: Shell) -> int:
    _run(_write_all(database_url(shell), args.after, shell))
    return FINE


async def _write_all(url: str, after: int, shell: Shell) -> None:
    """Page by page, each in a transaction of its own, so that memory and locks stay small."""
    from itertools import islice

    from bot.store.queries.audit import entries

    def page_after(last: int) -> Callable[["Connection"], list["Entry"]]:
        return lambda conn: list(islice(entries(conn, last, PAGE), PAGE))

    while True:
        page = await _look(url, page_after(after))
        shell.out.writelines(_lines(page))
        if len(page) < PAGE:
            shell.out.flush()
            return
        after = page[-1].id


def _lines(page: Iterable["Entry"]) -> Iterable[str]:
    for entry in page:
        fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
        fields["at"] = entry.at.isoformat(timespec="microseconds")
        fields["event"] = json.loads(entry.event)
        yield json.dumps(fields, ensure_ascii=False) + "\n"


async def _look(url: str, unit: Callable[["Connection"], T]) -> T:
    """Run a unit that only reads, also beside a bot that runs. Raises ProblemError."""
    from bot.store.database import Store

    _must_exist(url)
    store = await Store.open(url, read_only=True)
    try:
        return await store.transact(unit)
    finally:
        await store.close()


def _must_exist(url: str) -> None:
    """SQLite would make an empty file. Raises ProblemError."""
    from pathlib import Path

    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise ProblemError(
            f"there is no database {parsed.database}. Name it with COUNTERSIGN_DATABASE_URL; "
            "`countersign db upgrade` makes a new one."
        )


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it, and say in words what a database can answer. Raises ProblemError."""
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from bot.store.files import AlreadyRunningError, UnsuitablePlaceError

    quiet()
    try:
        return asyncio.run(work)
    except (AlreadyRunningError, UnsuitablePlaceError, ValueError, ArgumentError) as error:
        raise ProblemError(f"the database can't be used: {error}") from error
    except (DBAPIError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        hint = " `countersign db upgrade` makes its tables." if "no such table" in reason else ""
        raise ProblemError(f"the database does not answer: {reason}.{hint}") from error
