"""Change logs and version items as files, which other programs and people read.

Every file is written whole and put in the place of the one before it, so that nobody reads half of
one, and writing it again changes nothing.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.domain.release_log import Entry, VersionItem, merged, minute, second
from bot.ports import PermanentError, TemporaryError

_HEAD = "# Changelog\n\nWhat was released of {service}, newest first.\n"
_FULL = (28, 122)
"""ENOSPC, EDQUOT: somebody makes room, and then it works."""


class RecordFiles:
    """Implements `bot.keeping.RecordBook`.

    FOLDER/SERVICE/CHANGELOG.md, and the version items in FOLDER/SERVICE/ENVIRONMENT.versions.json.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = ("changelog.md.j2", "version.json.j2")
        place = files("templates").joinpath("records")
        texts = {name: place.joinpath(name).read_text("utf-8") for name in names}
        # Not for browsers: markdown as people read it, and JSON whose values are quoted by tojson.
        made = ImmutableSandboxedEnvironment(
            loader=jinja2.DictLoader(texts),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {"minute": minute, "second": second, "date": _date, "instant": _instant}
        self._entry = made.get_template("changelog.md.j2")
        self._item = made.get_template("version.json.j2")

    async def write(
        self, service: str, environment: str, items: Sequence[VersionItem], entries: Sequence[Entry]
    ) -> None:
        """Bring both files of a service up to date. Raises TemporaryError, PermanentError."""
        await asyncio.to_thread(self._write, service, environment, items, entries)

    def _write(
        self, service: str, environment: str, items: Sequence[VersionItem], entries: Sequence[Entry]
    ) -> None:
        folder = self._folder / _safe(service)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if items:
                _replace(folder / f"{_safe(environment)}.versions.json", self._items(items))
            if entries:
                log = folder / "CHANGELOG.md"
                text = log.read_text("utf-8") if log.exists() else _HEAD.format(service=service)
                _replace(log, self.log(text, entries))
        except OSError as error:
            problem = f"the records in {folder} can't be written: {error.strerror or error}"
            if error.errno in _FULL:
                raise TemporaryError(problem) from error
            raise PermanentError(problem, code="records") from error

    def log(self, text: str, entries: Sequence[Entry]) -> str:
        """A change log with these entries in it, the newest first."""
        for entry in reversed(entries):
            made = self._entry.render(entry=entry).strip() + "\n"
            text = merged(text, entry.version, made)
        return text

    def _items(self, items: Sequence[VersionItem]) -> str:
        made = [json.loads(self._item.render(item=item)) for item in items]
        return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _replace(path: Path, text: str) -> None:
    """All of it or nothing; a file that says this already is left alone."""
    wanted = text.encode()
    if path.exists() and path.read_bytes() == wanted:
        return
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as made:
            made.write(wanted)
            made.flush()
            os.fsync(made.fileno())
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _safe(name: str) -> str:
    """Names of services and environments are plain words; this keeps it so."""
    return name.replace("/", "_").lstrip(".") or "_"


def _date(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
