"""`db upgrade`, `audit verify`, `audit export`: what is done with the database directly."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bot.cli import exporting
from bot.cli.shell import FINE, FOUND, ProblemError, Shell, UsageError, Verbs, quiet

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bot.domain.anchors import Anchor
    from bot.store.database import Store

T = TypeVar("T")


def add(verbs: Verbs) -> None:
    """Put the verbs of this module into the tree."""
    database = verbs.group("db", "the database")
    database.add("upgrade", "bring it to the shape this version expects", _upgrade, json=True)
    audit = verbs.group("audit", "the record of what happened")
    verify = audit.add("verify", "check that nothing in it was changed", _verify, json=True)
    verify.add_argument(
        "--anchor", action="append", default=[], metavar="ID:HASH",
        help="an earlier end, which has to be in it; may be given several times",
    )  # fmt: skip
    verify.add_argument(
        "--anchors", default="", metavar="FILE",
        help="a text in which such ends stand: the file of anchors, or messages copied from Slack",
    )  # fmt: skip
    exporting.add(audit)


def database_url(shell: Shell) -> str:
    """Where the database is."""
    from bot.settings import SQLITE

    return shell.value("COUNTERSIGN_DATABASE_URL", SQLITE)


def _upgrade(args: argparse.Namespace, shell: Shell) -> int:
    from bot.store.migrations import newest, upgrade

    run(upgrade(database_url(shell)))
    if args.json:
        shell.say_json({"revision": newest()})
    else:
        shell.say(f"The database is at revision {newest()}.")
    return FINE


def _verify(args: argparse.Namespace, shell: Shell) -> int:
    from bot.store.queries.audit import BrokenChainError, verify

    anchors = (*map(_anchor, args.anchor), *_anchors_of(args.anchors))
    try:
        head = run(look(database_url(shell), lambda conn: verify(conn, *anchors)))
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
        held = {"entries": head.id, "anchor": str(head), "anchors": len(anchors)}
        shell.say_json({"ok": True, **held})
    else:
        met = f", and each of {len(anchors)} anchors is in it" if anchors else ""
        shell.say(
            f"{head.id} entries, none of them changed{met}.",
            f"Keep this where nobody who can write to the database can change it, and give it as "
            f"--anchor next time: {head}",
        )
    return FINE


def _anchor(text: str) -> "Anchor":
    from bot.domain.anchors import anchors_in

    found = list(anchors_in(text))
    if [str(each) for each in found] != [text.strip()]:
        raise UsageError("--anchor takes what `audit verify` printed earlier: ID:HASH")
    return found[0]


def _anchors_of(name: str) -> "tuple[Anchor, ...]":
    """Those that stand in a file. Raises ProblemError: no anchor at all is a mistake."""
    from pathlib import Path

    from bot.domain.anchors import anchors_in

    if not name:
        return ()
    try:
        found = tuple(anchors_in(Path(name).read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"{name} can't be read: {error}") from error
    if not found:
        raise ProblemError(f"{name} holds no anchors; they look like 1234:<64 hex digits>")
    return found


async def look(url: str, unit: Callable[["Connection"], T]) -> T:
    """Run a unit that only reads, also beside a bot that runs. Raises ProblemError."""
    async with opened(url) as store:
        return await store.transact(unit)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator["Store"]:
    """The database, for reading. Raises ProblemError."""
    from bot.store.database import Store

    _must_exist(url)
    store = await Store.open(url, read_only=True)
    try:
        yield store
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


def run(work: Coroutine[Any, Any, T]) -> T:
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
