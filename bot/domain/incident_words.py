"""What is said about an incident, in the domain's plain text."""

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.domain.incident import Entry, Incident
from bot.domain.log_links import filled
from bot.domain.units import format_duration

LATEST = datetime.max.replace(tzinfo=UTC)


def named(incident: Incident) -> str:
    """Which incident it is: Incident i4k2m9q on checkout in production."""
    return f"Incident `{incident.id}` on {incident.service} in {incident.environment}"


def called(incident: Incident) -> str:
    """What it is about, and how bad."""
    version = f" ({incident.version})" if incident.version else ""
    return f"{incident.title}{version}, {incident.severity}"


def in_order(incident: Incident) -> tuple[Entry, ...]:
    """The timeline by when things happened; what was written down first goes first."""
    return tuple(sorted(incident.timeline, key=lambda entry: entry.at))


def line(entry: Entry) -> str:
    """One line of the timeline."""
    who = f" @[{entry.who}]:" if entry.who else ""
    late = f" (noted t[{_unix(entry.noted_at)}])" if entry.noted_at is not None else ""
    return f"t[{_unix(entry.at)}]{who} {entry.text}{late}"


def lasted(incident: Incident, now: datetime) -> str:
    """For how long people have noticed, or had noticed."""
    return format_duration((incident.resolved_at or now) - incident.began_at)


def logs(incident: Incident, now: datetime) -> str:
    """The address of the logs from its beginning to its end, or to now; "" where none is known."""
    return filled(
        incident.logs,
        service=incident.service,
        environment=incident.environment,
        version=incident.version,
        began_at=incident.began_at,
        ended_at=incident.resolved_at or now,
    )


def facts(incident: Incident) -> Mapping[str, str]:
    """What a notice for customers is drafted from: see `bot.domain.announcements`.

    What the bot knows of a breach is not for customers, so its own incidents have a plain title.
    """
    people = incident.origin == "person"
    instants = {
        "detected_at": incident.created_at,
        "investigating_at": min(
            incident.acknowledged_at or incident.created_at, incident.fixed_at or LATEST
        ),
        "fixed_at": incident.fixed_at or incident.resolved_at,
        "restored_at": incident.resolved_at,
    }
    texts = {
        "title": incident.title if people else f"Problems with {incident.service}",
        "version": incident.version,
        "message": incident.said,
        "resolution": incident.resolution,
    }
    given = {name: at.isoformat() for name, at in instants.items() if at is not None}
    return {**{name: text for name, text in texts.items() if text}, **given}


def _unix(at: datetime) -> int:
    return int(at.timestamp())
