"""What the bot needs where it runs: the database, the secrets, the doors for other programs."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from bot.cli.checkup.finding import Finding
from bot.store.files import SAFE_SQLITE, UnsuitablePlaceError, check_place
from bot.store.migrations import current, newest


async def database(url: str) -> list[Finding]:
    """Whether it is there, answers, and has the shape that this version expects."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        do = "Write it like sqlite+aiosqlite:///countersign.db or postgresql+asyncpg://user@host/db"
        return [Finding("database", "url", "fail", "COUNTERSIGN_DATABASE_URL is no URL", do)]
    shown = parsed.render_as_string(hide_password=True)
    findings: list[Finding] = []
    if parsed.get_backend_name() == "sqlite":
        findings += sqlite_version()
        found = _file(Path(parsed.database or ""), shown)
        if found is not None:
            return [*findings, found]
    return [*findings, await _revision(url, shown)]


def _file(path: Path, shown: str) -> Finding | None:
    """What is to be said about the place of the file; None when it is there and well placed."""
    try:
        check_place(path)
    except UnsuitablePlaceError as error:
        do = "Name another place with COUNTERSIGN_DATABASE_URL."
        return Finding("database", shown, "fail", str(error), do)
    if path.exists():
        return None
    return Finding("database", shown, "ok", "not there yet; the bot makes it when it starts")


async def _revision(url: str, shown: str) -> Finding:
    try:
        found = await current(url)
    except (DBAPIError, OSError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error)
        do = "See that it runs and that user, password and name are right."
        return Finding("database", shown, "fail", f"does not answer: {reason}", do)
    return revision(shown, found, newest() or "")


def revision(shown: str, found: str | None, wanted: str) -> Finding:
    """The shape of the database against the one that this version expects."""
    if found == wanted:
        return Finding("database", shown, "ok", f"at revision {found}")
    if found is None or found < wanted:
        do = "The bot brings it up to date when it starts; or run countersign db upgrade."
        return Finding("database", shown, "warn", f"at revision {found}, not {wanted}", do)
    do = "Run the newer version of Countersign again, or restore a copy from before."
    text = f"revision {found} is newer than this program ({wanted})"
    return Finding("database", shown, "fail", text, do)


def sqlite_version(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> Iterator[Finding]:
    """Whether the SQLite library is one without a known bug."""
    shown = ".".join(map(str, version))
    if version < SAFE_SQLITE:
        do = "Update the SQLite library when you can; one process alone is not known to meet it."
        text = "a rare corruption of the write-ahead log is fixed in 3.51.3"
        yield Finding("database", f"SQLite {shown}", "warn", text, do)
    else:
        yield Finding("database", f"SQLite {shown}", "ok", "new enough")


def secrets(*, signing: bool, hook: bool, socket: bool) -> Iterator[Finding]:
    """Which secrets are there: the signing secret, the hook token, the app token."""
    if socket:
        text = "is set: Socket Mode, and nothing is taken over HTTP from Slack"
        yield Finding("secret", "SLACK_APP_TOKEN", "ok", text)
    if signing:
        yield Finding("secret", "SLACK_SIGNING_SECRET", "ok", "is set")
    elif socket:
        yield Finding("secret", "SLACK_SIGNING_SECRET", "ok", "is not set, nor needed for this")
    else:
        do = "Copy it from the app's page Basic Information."
        text = "is missing: Slack's deliveries could not be told from anybody else's"
        yield Finding("secret", "SLACK_SIGNING_SECRET", "fail", text, do)
    if hook:
        yield Finding("secret", "COUNTERSIGN_HOOK_TOKEN", "ok", "is set")
    else:
        do = "Set it to a long random text, here and for those who call."
        text = "is not set: alerts (/hooks/*) and `countersign release|rollback` are off"
        yield Finding("secret", "COUNTERSIGN_HOOK_TOKEN", "warn", text, do)
