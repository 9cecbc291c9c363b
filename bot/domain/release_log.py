"""What goes out of the records: an entry of the change log for each version, and its version item.

The change log is a file that people write in as well. The bot adds what is missing and keeps the
part about the deployment up to date; everything else in it stays as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from bot.domain.release_record import Record, Standing

CHANGELOG = "keep_a_changelog+deployment"
"""What `records: changelog` says where there is to be one; `none` where there is not."""

NONE = "none"
VERSION_ITEM = "DEPLOYMENT#{environment} / VERSION#{version}"
"""The keys of a version item where a plan does not give others."""

SECTION = "### Deployment"
_HEADING = re.compile(r"^## \[([^\]\n]+)\](.*)$", re.MULTILINE)
_PART = re.compile(r"^### .*$", re.MULTILINE)
_DATE = re.compile(r"^ - \d{4}-\d{2}-\d{2}")


class VersionItem(msgspec.Struct, frozen=True):
    """One version in one environment. status: active, superseded or rolled_back."""

    pk: str
    sk: str
    version: str
    deployed_at: datetime
    deployed_by: str
    git_commit: str
    status: str


class Deployment(msgspec.Struct, frozen=True):
    """When a version came to an environment; None: it never was the current one there."""

    environment: str
    at: datetime | None


class Outage(msgspec.Struct, frozen=True):
    """A gap in the traffic while it moved. until: None when its end was not seen."""

    environment: str
    since: datetime
    until: datetime | None


class Rollback(msgspec.Struct, frozen=True):
    environment: str
    at: datetime
    reason: str


class Entry(msgspec.Struct, frozen=True):
    """A version in the change log. changes: by heading (Added, Changed, Fixed).

    dashboards: by environment.
    """

    version: str
    date: datetime
    changes: Mapping[str, Sequence[str]]
    deployments: Sequence[Deployment]
    rollbacks: Sequence[Rollback]
    outages: Sequence[Outage] = ()
    dashboards: Mapping[str, str] = {}


class Keys(msgspec.Struct, frozen=True):
    """How a plan wants its versions recorded."""

    changelog: str = CHANGELOG
    item: str = VERSION_ITEM


def keys_of(section: Mapping[str, str]) -> Keys:
    """From the `records` of a plan."""
    return Keys(section.get("changelog", CHANGELOG), section.get("version_item", VERSION_ITEM))


def item(record: Record, keys: Keys) -> VersionItem | None:
    """The version item of a record; None for what never was the current version."""
    if record.deployed_at is None or record.standing in {Standing.UNDER_WAY, Standing.WITHDRAWN}:
        return None
    filled = keys.item
    names = {"environment": record.environment, "service": record.service}
    for name, value in {**names, "version": record.number}.items():
        filled = filled.replace("{" + name + "}", value)
    pk, _, sk = filled.partition(" / ")
    return VersionItem(
        pk.strip(),
        sk.strip(),
        record.number,
        record.deployed_at,
        record.requested_by,
        record.commit,
        record.standing.value,
    )


def items(records: Iterable[Record], keys: Keys) -> list[VersionItem]:
    """The version items of an environment, one for each version: what was last so of it."""
    found: dict[str, VersionItem] = {}
    for record in records:
        made = item(record, keys)
        if made is not None:
            found.setdefault(made.version, made)
    return list(found.values())


# --- the change log -------------------------------------------------------------------------


def entries(records: Sequence[Record]) -> list[Entry]:
    """An entry for each version of a service, of its records in all environments, newest first."""
    by_number: dict[str, list[Record]] = {}
    for record in records:
        if record.deployed_at is not None or record.standing is Standing.ROLLED_BACK:
            by_number.setdefault(record.number, []).append(record)
    made = [_entry(number, of) for number, of in by_number.items()]
    return sorted(made, key=lambda entry: entry.date, reverse=True)


def _entry(number: str, records: Sequence[Record]) -> Entry:
    ordered = sorted(records, key=lambda record: record.created_at)
    first: dict[str, datetime | None] = {}
    for record in ordered:
        if first.get(record.environment) is None:
            first[record.environment] = record.deployed_at
    rollbacks = [
        Rollback(r.environment, r.rolled_back_at, " ".join(r.rollback_reason.split()))
        for r in ordered
        if r.rolled_back_at is not None
    ]
    known = sorted(at for at in first.values() if at is not None)
    last = known[-1] if known else ordered[-1].created_at
    reached = sorted(first.items(), key=lambda each: (each[1] is None, each[1] or last))
    changes = next((r.changes for r in reversed(ordered) if r.changes), {})
    return Entry(
        number,
        last,
        changes or _noted(ordered[-1]),
        [Deployment(environment, at) for environment, at in reached],
        rollbacks,
        [Outage(r.environment, g.since, g.until) for r in ordered for g in r.gaps if not g.unknown],
        {r.environment: r.dashboard for r in ordered if r.dashboard},
    )


def _noted(record: Record) -> Mapping[str, Sequence[str]]:
    note = " ".join(record.note.split())
    return {"Changed": (note,)} if note else {}


def merged(text: str, number: str, entry: str) -> str:
    """A change log with an entry in it, which was made by a template.

    One that is there keeps what people wrote; its date and its deployment are brought up to date.
    """
    found = next((m for m in _HEADING.finditer(text) if m[1] == number), None)
    if found is None:
        return _inserted(text, entry)
    end = _end_of(text, found.end())
    made = _HEADING.search(entry)
    heading = found[0]
    if made is not None and (not found[2].strip() or _DATE.match(found[2])):
        heading = made[0]
    body = _with_section(text[found.end() : end], _section(entry))
    rest = text[end:]
    return f"{text[: found.start()]}{heading}{body.rstrip()}\n" + (f"\n{rest}" if rest else "")


def _inserted(text: str, entry: str) -> str:
    first = next((m for m in _HEADING.finditer(text) if m[1].lower() != "unreleased"), None)
    if first is None:
        before = text.rstrip()
        return f"{before}\n\n{entry.strip()}\n" if before else f"{entry.strip()}\n"
    return f"{text[: first.start()]}{entry.strip()}\n\n{text[first.start() :]}"


def _end_of(text: str, start: int) -> int:
    after = _HEADING.search(text, start)
    return after.start() if after is not None else len(text)


def _section(entry: str) -> str:
    start = entry.index(SECTION)
    after = _PART.search(entry, start + len(SECTION))
    return entry[start : after.start() if after is not None else len(entry)].strip()


def _with_section(body: str, section: str) -> str:
    start = body.find(SECTION)
    if start < 0:
        return f"{body.rstrip()}\n\n{section}\n"
    after = _PART.search(body, start + len(SECTION))
    end = after.start() if after is not None else len(body)
    gap = "\n\n" if after is not None else "\n"
    return f"{body[:start]}{section}{gap}{body[end:]}"


def second(at: datetime) -> str:
    """2024-01-15 14:00:05 UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def minute(at: datetime) -> str:
    """2024-01-15 14:00 UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
