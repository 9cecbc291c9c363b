"""Recordings as files, for those who have no Prometheus at hand or want to change a number.

JSON, a list of series, or CSV, a row for each point; docs/replay.md describes both.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from bot.domain.recording import Kind, Point, Recording, Strand, recording
from bot.domain.samples import Buckets, Counts, Gauge, Probe, Track, Value
from bot.domain.totals import flaw

SCHEMA = 1

EDGE = "le:"
"""What the columns of a histogram's edges begin with in CSV, followed by seconds."""

COLUMNS = ("time", "metric", "track", "kind", "bad", "total", "value")
KINDS: tuple[Kind, ...] = ("ratio", "quantile", "count", "gauge", "probe")


class RecordingError(ValueError):
    """A file of recorded data can't be used; the text says where and why."""


class _Series(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    metric: str
    track: Track = Track.CANARY
    kind: Kind
    edges: list[float] = []
    points: list[list[str | float]]


class _File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    schema: Literal[1]
    series: list[_Series]


class _Row(NamedTuple):
    """A point on its way in. place: where it stands in the file, for people."""

    place: str
    key: tuple[str, Track, Kind]
    at: datetime
    value: Value


def parse(text: str, file: str) -> Recording:
    """What a file holds. file: its name, which tells JSON from CSV.

    Raises RecordingError with the first mistake and its place.
    """
    try:
        rows = list(_from_csv(text) if file.endswith(".csv") else _from_json(text))
    except RecordingError as error:
        raise RecordingError(f"{file}: {error}") from error
    strands: dict[tuple[str, Track, Kind], list[_Row]] = {}
    for row in rows:
        strands.setdefault(row.key, []).append(row)
    try:
        made = tuple(_strand(key, found) for key, found in strands.items())
        _once(made)
    except RecordingError as error:
        raise RecordingError(f"{file}: {error}") from error
    if not made:
        raise RecordingError(f"{file}: there is not a single point in it")
    return recording(made)


def _strand(key: tuple[str, Track, Kind], rows: Sequence[_Row]) -> Strand:
    last: datetime | None = None
    for row in rows:
        if last is not None and row.at <= last:
            shown = f"{row.at:%Y-%m-%d %H:%M:%S} is not after {last:%Y-%m-%d %H:%M:%S}"
            raise RecordingError(f"{row.place}: {shown}; points go in order of time")
        last = row.at
        wrong = flaw(row.value)
        if wrong:
            raise RecordingError(f"{row.place}: {wrong}")
    return Strand(*key, tuple(Point(row.at, row.value) for row in rows))


def _once(strands: Iterable[Strand]) -> None:
    seen: set[tuple[str, Track]] = set()
    for strand in strands:
        if strand.key in seen:
            raise RecordingError(f"{strand.metric} ({strand.track}) is there as two kinds")
        seen.add(strand.key)


# --- JSON -----------------------------------------------------------------------------------


def _from_json(text: str) -> Iterator[_Row]:
    try:
        data = msgspec.json.decode(text, type=_File)
    except msgspec.DecodeError as error:
        raise RecordingError(f"{error}; docs/replay.md shows what a recording looks like") from None
    for number, series in enumerate(data.series):
        key = (series.metric, series.track, series.kind)
        for index, point in enumerate(series.points):
            place = f"series[{number}].points[{index}]"
            if not point:
                raise RecordingError(f"{place}: is empty")
            at = instant(point[0], place)
            numbers = [_number(each, place) for each in point[1:]]
            yield _Row(place, key, at, _value(series.kind, numbers, series.edges, place))


def _value(kind: Kind, numbers: Sequence[float], edges: Sequence[float], place: str) -> Value:
    wanted = {"ratio": 2, "quantile": 1 + len(edges)}.get(kind, 1)
    if len(numbers) != wanted:
        problem = f"a {kind} has {wanted} numbers after the time, not {len(numbers)}"
        raise RecordingError(f"{place}: {problem}")
    match kind:
        case "ratio":
            return Counts(numbers[0], numbers[1])
        case "quantile":
            if list(edges) != sorted(set(edges)) or not edges:
                raise RecordingError(f"{place}: the edges have to ascend, in seconds")
            return Buckets(numbers[0], tuple(zip(edges, numbers[1:], strict=True)))
        case "count":
            return Counts(numbers[0], numbers[0])
        case "gauge":
            return Gauge(numbers[0])
        case "probe":
            return Probe(numbers[0] > 0, "" if numbers[0] > 0 else "not ok")


def instant(text: str | float, place: str) -> datetime:
    """An instant as people write it: ISO 8601, with a zone or in UTC. Raises RecordingError."""
    try:
        at = datetime.fromisoformat(str(text).strip())
    except ValueError:
        problem = f"{str(text)[:40]!r} is no time; write it like 2026-03-01T09:00:00Z"
        raise RecordingError(f"{place}: {problem}") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _number(text: str | float, place: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise RecordingError(f"{place}: {str(text)[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise RecordingError(f"{place}: {number} can't be used; leave the point out")
    return number


# --- CSV ------------------------------------------------------------------------------------


def _from_csv(text: str) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    columns = reader.fieldnames or ()
    lacking = [name for name in ("time", "metric", "kind") if name not in columns]
    if lacking:
        raise RecordingError(f"line 1: the column {lacking[0]} is missing ({','.join(COLUMNS)},…)")
    edges = {name: _number(name.removeprefix(EDGE), "line 1") for name in columns if EDGE in name}
    strange = [name for name in columns if name not in COLUMNS and name not in edges]
    if strange:
        raise RecordingError(f"line 1: the column {strange[0]!r} is unknown ({','.join(COLUMNS)})")
    try:
        for row in reader:
            yield _row(row, edges, f"line {reader.line_num}")
    except csv.Error as error:
        raise RecordingError(f"line {reader.line_num}: {error}") from None


def _row(row: Mapping[str, Any], edges: Mapping[str, float], place: str) -> _Row:
    kind = next((each for each in KINDS if each == row["kind"]), None)
    if kind is None:
        raise RecordingError(f"{place}: the kind {row['kind']!r} is none of {', '.join(KINDS)}")
    word = row.get("track") or Track.CANARY
    track = next((each for each in Track if each == word), None)
    if track is None:
        raise RecordingError(f"{place}: the track {word!r} is neither canary nor baseline")
    used = {"ratio": ("bad", "total"), "quantile": ("total",)}.get(kind, ("value",))
    filled = sorted((e, name) for name, e in edges.items() if row[name] not in (None, ""))
    names = [*used, *(name for _, name in filled if kind == "quantile")]
    missing = [name for name in names if row.get(name) in (None, "")]
    if missing:
        raise RecordingError(f"{place}: a {kind} needs the column {missing[0]}")
    numbers = [_number(row[name], place) for name in names]
    value = _value(kind, numbers, [edge for edge, _ in filled], place)
    return _Row(place, (row["metric"], track, kind), instant(row["time"] or "", place), value)


# --- out ------------------------------------------------------------------------------------


def write(found: Recording, file: str) -> str:
    """A recording as the text of a file. file: its name, which tells CSV from JSON."""
    strands = sorted(found.strands.values(), key=lambda strand: strand.key)
    if file.endswith(".csv"):
        return _to_csv(strands)
    series = ",\n".join(_series(strand) for strand in strands)
    return f'{{"schema": {SCHEMA}, "series": [\n{series}\n]}}\n'


def _series(strand: Strand) -> str:
    head = {"metric": strand.metric, "track": strand.track.value, "kind": strand.kind}
    first = strand.points[0].value
    edges = [edge for edge, _ in first.cumulative] if isinstance(first, Buckets) else []
    extra = {"edges": edges} if edges else {}
    points = ",\n  ".join(
        json.dumps([shown(point.at), *_numbers(strand.kind, point.value, edges)])
        for point in strand.points
    )
    return f'{json.dumps({**head, **extra})[:-1]}, "points": [\n  {points}]}}'


def _numbers(kind: Kind, value: Value, edges: Sequence[float]) -> list[float]:
    match value:
        case Counts(bad, total):
            numbers = [bad, total] if kind == "ratio" else [bad]
        case Buckets(total, cumulative):
            known = dict(cumulative)
            numbers = [total, *(known.get(edge, 0.0) for edge in edges)]
        case Gauge(level):
            numbers = [level]
        case Probe(ok):
            numbers = [1.0 if ok else 0.0]
    return [_plain(number) for number in numbers]


def _plain(number: float) -> float:
    """Whole numbers without a point."""
    return int(number) if number == int(number) else number


def _to_csv(strands: Sequence[Strand]) -> str:
    edges = sorted(
        {
            edge
            for strand in strands
            for point in strand.points[:1]
            if isinstance(point.value, Buckets)
            for edge, _ in point.value.cumulative
        }
    )
    out = io.StringIO()
    writer = csv.DictWriter(out, [*COLUMNS, *(f"{EDGE}{edge:g}" for edge in edges)], restval="")
    writer.writeheader()
    for strand in strands:
        for point in strand.points:
            writer.writerow(_cells(strand, point))
    return out.getvalue()


def _cells(strand: Strand, point: Point) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "time": shown(point.at),
        "metric": strand.metric,
        "track": strand.track.value,
        "kind": strand.kind,
    }
    match point.value:
        case Counts(bad, total) if strand.kind == "ratio":
            cells |= {"bad": _plain(bad), "total": _plain(total)}
        case Counts(bad):
            cells["value"] = _plain(bad)
        case Buckets(total, cumulative):
            cells["total"] = _plain(total)
            cells |= {f"{EDGE}{edge:g}": _plain(count) for edge, count in cumulative}
        case Gauge(level):
            cells["value"] = _plain(level)
        case Probe(ok):
            cells["value"] = int(ok)
    return cells


def shown(at: datetime) -> str:
    """An instant in UTC, as short as it can be said."""
    text = at.astimezone(UTC).isoformat(timespec="auto")
    return text.replace("+00:00", "Z")
