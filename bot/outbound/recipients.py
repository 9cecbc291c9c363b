"""The file of those who get notices: a table that any spreadsheet writes.

The first line names the columns: `email`, `services` for those who don't want to hear about all of
them (several are separated by spaces), and `language`. Other columns are for people. Without such a
line, the first column is the address and the second one the services.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bot.domain.addresses import is_address, same
from bot.ports import PermanentError

LARGEST = 16 << 20
"""Bytes."""

EMAIL, SERVICES, LANGUAGE = "email", "services", "language"
_SHOWN = 80


class Listed(msgspec.Struct, frozen=True):
    """Somebody in the file.

    services: what they hear about, empty: everything. language: "" for the main one.
    """

    address: str
    services: tuple[str, ...]
    line: int
    language: str = ""

    def hears_about(self, service: str) -> bool:
        """Whether notices about a service are for them; those about none are for everybody."""
        return not service or not self.services or service in self.services


class Mistake(msgspec.Struct, frozen=True):
    """A line that can't be used."""

    line: int
    problem: str


class Recipients(msgspec.Struct, frozen=True):
    """What a file says."""

    listed: Sequence[Listed] = ()
    mistakes: Sequence[Mistake] = ()


def read(path: Path) -> Recipients:
    """Everybody in a file, and the lines that make no sense.

    Raises PermanentError when the file can't be read at all.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror or error}"
        raise PermanentError(problem, code="recipients") from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problem = f"{path}:{line} is not UTF-8 text; save the file with the encoding UTF-8"
        raise PermanentError(problem, code="recipients") from error
    if len(raw) > LARGEST:
        raise PermanentError(f"{path} is larger than 16 MiB", code="recipients")
    return parse(text)


def parse(text: str) -> Recipients:
    """Everybody in the text of a file, each address once."""
    listed: dict[str, Listed] = {}
    mistakes = []
    for found in _rows(text):
        if isinstance(found, Mistake):
            mistakes.append(found)
            continue
        known = listed.get(same(found.address))
        listed[same(found.address)] = found if known is None else _both(known, found)
    return Recipients(tuple(listed.values()), tuple(mistakes))


def _both(first: Listed, second: Listed) -> Listed:
    """Somebody who stands there twice hears about what either line says."""
    if not first.services or not second.services:
        return msgspec.structs.replace(first, services=())
    services = dict.fromkeys((*first.services, *second.services))
    return msgspec.structs.replace(first, services=tuple(services))


def _rows(text: str) -> Iterator[Listed | Mistake]:
    first = text.partition("\n")[0]
    comma = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(text.splitlines(), delimiter=comma)
    columns: Sequence[str] | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Mistake(reader.line_num, f"can't be read: {error}")
            continue
        if row is None:
            return
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if columns is None:
            columns, named = _columns(cells)
            if named:
                continue
        yield _row(dict(zip(columns, cells, strict=False)), reader.line_num)


def _columns(cells: Sequence[str]) -> tuple[Sequence[str], bool]:
    """The names of the columns, and whether the first line says them."""
    names = [cell.lower() for cell in cells]
    if EMAIL in names:
        return names, True
    return (EMAIL, SERVICES), False


def _row(cells: dict[str, str], line: int) -> Listed | Mistake:
    address = cells.get(EMAIL, "")
    if not address:
        return Mistake(line, "there is no address")
    if not is_address(address):
        return Mistake(line, f"{address[:_SHOWN]!r} is not an address")
    services = re.split(r"[\s,;|]+", cells.get(SERVICES, ""))
    wanted = tuple(service for service in services if service)
    return Listed(address, wanted, line, cells.get(LANGUAGE, "").lower())
