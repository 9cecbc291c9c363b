"""A replay as lines for people, and as JSON for programs."""

import re
from datetime import UTC, datetime
from typing import Any

from bot.cli.shell import table
from bot.domain.gates import Finding
from bot.domain.units import format_duration, format_weight
from bot.replay.report import Band, Fired, Replay

_INSTANT = re.compile(r"t\[([0-9]+)\]")
_PERSON = re.compile(r"@\[([^\]]+)\]")

ASSUMED = (
    "Checklists count as ticked, signatures and answers as given at once, the target as obeying at "
    "once; nothing is reported from outside. The traffic is as it was recorded, whatever weight "
    "the plan asks for."
)


def plain(text: str) -> str:
    """What the bot says, with its marks for instants and people written out."""

    def told(match: re.Match[str]) -> str:
        return f"{datetime.fromtimestamp(int(match[1]), UTC):%H:%M:%S}"

    return _PERSON.sub(r"\1", _INSTANT.sub(told, text))


def lines(replay: Replay, *, log: bool = False) -> list[str]:
    """What happened, in order: waves, what fired, the end, what was assumed."""
    long = replay.end.date() != replay.start.date()
    span = f"{replay.start:%Y-%m-%d %H:%M:%S} to {replay.end:%Y-%m-%d %H:%M:%S} UTC"
    shown = [f"{replay.plan}, {span}, points {format_duration(replay.step)} apart", ""]
    shown += _waves(replay, long=long)
    if replay.fired:
        shown += ["", "Fired:", *table(_fired(replay, long=long))]
    if log:
        rows = [("", _clock(s.at, long=long), plain(s.text)) for s in replay.said if not s.paged]
        shown += ["", "Posted:", *table(rows)]
    shown += ["", f"End: {outcome(replay)}"]
    return [*shown, *(f"Note: {note}" for note in (*replay.notes, ASSUMED))]


def _fired(replay: Replay, *, long: bool) -> list[tuple[str, ...]]:
    """Each condition once, at the time when it fired first."""
    found: dict[str, list[Fired]] = {}
    for each in replay.fired:
        found.setdefault(each.id, []).append(each)
    rows: list[tuple[str, ...]] = []
    for first, *more in found.values():
        until = f", {len(more) + 1} times until {_clock(more[-1].at, long=long)}" if more else ""
        told = f"{first.text} ({first.shown}){until}"
        rows.append(("", _clock(first.at, long=long), first.id, first.do, told))
    return rows


def _waves(replay: Replay, *, long: bool) -> list[str]:
    rows = []
    for band in replay.bands:
        head = (
            _clock(band.began_at, long=long),
            band.wave,
            format_weight(band.weight),
            _lasted(band),
            _verdict(band),
        )
        gates = [_gate(finding) for finding in band.findings] or [""]
        rows.append((*head, gates[0]))
        rows += [("", "", "", "", "", gate) for gate in gates[1:]]
    return table(rows) if rows else ["No wave began."]


def _gate(finding: Finding) -> str:
    return f"{finding.verdict}: {finding.text}: {finding.said}"


def _lasted(band: Band) -> str:
    lasted = format_duration((band.ended_at or band.began_at) - band.began_at)
    if band.extended:
        return f"{lasted} (extended by {format_duration(band.extended)})"
    return lasted


def _verdict(band: Band) -> str:
    """What came of the wave, in a word or two."""
    words = {
        "shifting": "passed",
        "promoting": "passed",
        "completed": "over",
        "rolling_back": "rolled back",
        "rolled_back": "rolled back",
        "stepping_back": "stepped back",
    }
    return words.get(band.led_to, band.led_to.replace("_", " "))


def outcome(replay: Replay) -> str:
    """How it ended, in a sentence."""
    phase = replay.phase.replace("_", " ")
    why = replay.rollback_reason or replay.reason
    reason = f": {plain(why)}" if why else ""
    if replay.ended_at is not None:
        took = format_duration(replay.ended_at - replay.start)
        return f"{phase} at {replay.ended_at:%Y-%m-%d %H:%M:%S} UTC, after {took}{reason}"
    where = f" at {format_weight(replay.bands[-1].weight)}" if replay.bands else ""
    left = f", {format_duration(replay.soak_left)} of the soak to go" if replay.soak_left else ""
    return f"the data end first; it is {phase}{where}{left}{reason}"


def _clock(at: datetime, *, long: bool) -> str:
    return f"{at:%m-%d %H:%M:%S}" if long else f"{at:%H:%M:%S}"


# --- JSON -----------------------------------------------------------------------------------


def as_json(replay: Replay) -> dict[str, Any]:
    """The whole replay; instants are ISO 8601, durations seconds, values in base units."""
    return {
        "plan": replay.plan,
        "from": replay.start.isoformat(),
        "to": replay.end.isoformat(),
        "step": replay.step.total_seconds(),
        "outcome": replay.phase,
        "reason": plain(replay.rollback_reason or replay.reason),
        "ended_at": replay.ended_at.isoformat() if replay.ended_at else None,
        "waves": [_wave(band) for band in replay.bands],
        "fired": [
            {
                "at": fired.at.isoformat(),
                "id": fired.id,
                "if": fired.text,
                "do": fired.do,
                "shown": fired.shown,
                "wave": fired.wave,
            }
            for fired in replay.fired
        ],
        "said": [
            {"at": said.at.isoformat(), "text": plain(said.text), "paged": said.paged}
            for said in replay.said
        ],
        "notes": [*replay.notes, ASSUMED],
    }


def _wave(band: Band) -> dict[str, Any]:
    return {
        "wave": band.wave,
        "traffic": band.weight,
        "began_at": band.began_at.isoformat(),
        "ended_at": band.ended_at.isoformat() if band.ended_at else None,
        "soak": band.soak.total_seconds(),
        "extended": band.extended.total_seconds(),
        "verdict": str(band.verdict),
        "led_to": band.led_to,
        "gates": [
            {
                "if": finding.text,
                "verdict": str(finding.verdict),
                "value": finding.value,
                "limit": finding.limit,
                "shown": finding.shown,
                "why": finding.why,
            }
            for finding in band.findings
        ],
    }
