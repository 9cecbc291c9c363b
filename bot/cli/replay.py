"""`plan replay`: what a plan would have decided over recorded data, and when."""

import argparse
import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.cli.shell import FINE, ProblemError, Shell, UsageError, Verbs
from bot.cli.written import plan_of

if TYPE_CHECKING:
    from bot.cli.replay_data import Place
    from bot.domain.plan import Plan
    from bot.domain.recording import Key, Recording
    from bot.replay.report import Replay

COARSE = timedelta(minutes=1)
"""Points further apart than this are not what a live release sees."""

TIME = "like 2026-03-01T09:00Z; UTC without a zone"


def add(plan: Verbs) -> None:
    """Put the verb among those of `plan`."""
    verb = plan.add("replay", "what it would have decided over recorded data", _replay, json=True)
    verb.add_argument("plan", help="a plan's name, or its file")
    verb.add_argument("--from", dest="start", metavar="TIME", help=f"when it begins, {TIME}")
    verb.add_argument("--to", dest="end", metavar="TIME", help="where the data end")
    verb.add_argument("--service", help="whose metrics are read, where several are configured")
    verb.add_argument("--env", dest="environment", help="in which environment")
    verb.add_argument("--candidate", default="", help="what plays the new version, as in labels")
    verb.add_argument("--current", default="", help="what plays the old version, as in labels")
    verb.add_argument("--data", metavar="FILE", help="read a recording (.json, .csv) instead")
    verb.add_argument("--export", metavar="FILE", help="write what was read as a recording")
    verb.add_argument("--plot", metavar="FILE.svg", help="draw it")
    verb.add_argument("--step", default="", help="distance of points (default: scrape_interval)")
    verb.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="METRIC",
        help="leave out the conditions on a metric, or on several: a,b",
    )
    verb.add_argument("--log", action="store_true", help="everything that would have been posted")


def _replay(args: argparse.Namespace, shell: Shell) -> int:
    from bot.cli import replay_data, replay_text
    from bot.domain.units import format_duration

    start = replay_data.instant(args.start, "--from")
    end = replay_data.instant(args.end, "--to")
    if start is not None and end is not None and start >= end:
        raise UsageError("--to has to be later than --from")
    place = replay_data.place_of(args, shell)
    plan = _plan(args, shell, place)
    data, missing = _data(args, shell, place, plan, (start, end))
    if args.export:
        from bot.replay.files import write

        replay_data.write(args.export, write(data, args.export))
    plan, notes = _measured(plan, data, missing, args)
    span = _span(data, start, end, notes)
    if data.step > COARSE:
        notes.append(
            f"Points {format_duration(data.step)} apart are coarse: looks in between find no "
            "requests. With a minute or less it is as in a live release."
        )
    replay = _played(plan, data, span, args, place, notes)
    if args.plot:
        from bot.replay.plot import draw

        replay_data.write(args.plot, draw(replay, plan, data))
    if args.json:
        shell.say_json(replay_text.as_json(replay))
    else:
        shell.say(*replay_text.lines(replay, log=args.log))
    return FINE


def _plan(args: argparse.Namespace, shell: Shell, place: "Place") -> "Plan":
    """The plan as this environment measures it, without what shall be left out."""
    from bot.domain.documents import DocumentError, nearest
    from bot.domain.plan_compile import measured_by
    from bot.replay.played import without

    try:
        plan = measured_by(plan_of(args, shell, args.plan), place.define)
    except DocumentError as error:
        raise ProblemError(f"{args.plan} does not go with {place.service}: {error}") from error
    for name in _left_out(args):
        if name not in plan.metrics:
            hint = nearest(name, plan.metrics)
            raise UsageError(f"--without: the plan has no metric {name!r}; {hint}".rstrip("; "))
    return without(plan, _left_out(args))


def _left_out(args: argparse.Namespace) -> list[str]:
    return [name for words in args.without for name in words.split(",") if name]


def _data(
    args: argparse.Namespace,
    shell: Shell,
    place: "Place",
    plan: "Plan",
    span: tuple[datetime | None, datetime | None],
) -> "tuple[Recording, Mapping[Key, str]]":
    from bot.cli import replay_data
    from bot.domain.bygone import held_against

    if args.data:
        return replay_data.from_file(args.data), {}
    start, end = span
    if start is None:
        raise UsageError("--from is needed: when the replayed release begins")
    now = shell.now()
    if start >= now:
        raise UsageError(f"--from lies ahead; it is {now:%Y-%m-%d %H:%M %Z} now")
    until = min(end or start + _longest(plan), now)
    before = plan.baseline.window if any(held_against(plan)) else timedelta()
    return asyncio.run(replay_data.from_source(args, place, plan, (start - before, until)))


def _longest(plan: "Plan") -> timedelta:
    from bot.domain.preview import preview

    beginning = datetime(2000, 1, 1, tzinfo=UTC)
    return preview(plan, beginning).longest + plan.keep_previous


def _measured(
    plan: "Plan", data: "Recording", missing: "Mapping[Key, str]", args: argparse.Namespace
) -> "tuple[Plan, list[str]]":
    """The plan with what can be judged by the data, and what was left out for that.

    Raises ProblemError for a metric that has to be there and is not.
    """
    from bot.cli.replay_data import judged, needed
    from bot.replay.played import without

    asked = ", ".join(_left_out(args))
    notes = [f"Left out, as asked for: {asked}."] if asked else []
    probes = sorted(
        name
        for name in judged(plan)
        if (plan.metrics[name].kind == "probe" or plan.metrics[name].outside)
        and name not in data.metrics()
    )
    if probes:
        notes.append(f"Left out, as no answers of a probe were recorded: {', '.join(probes)}.")
    plan = without(plan, probes)
    lacking = []
    for name, track in needed(plan):
        strand, kind = data.strand(name, track), plan.metrics[name].kind
        if strand is None:
            why = missing.get((name, track)) or "it is not in the data"
            lacking.append(f"  {name} of the {track}: {why}")
        elif strand.kind != kind:
            lacking.append(f"  {name} of the {track}: recorded as {strand.kind}, the plan's {kind}")
    if lacking:
        there = ", ".join(sorted(data.metrics())) or "nothing"
        raise ProblemError(
            "the data lack what the plan judges:\n"
            + "\n".join(lacking)
            + f"\nRecorded is: {there}. --without METRIC leaves conditions out."
        )
    return plan, notes


def _span(
    data: "Recording", start: datetime | None, end: datetime | None, notes: list[str]
) -> tuple[datetime, datetime]:
    """From when to when it is played: what was asked for, as far as there are data."""
    first, last = data.began_at, data.ended_at
    if first is None or last is None:
        raise ProblemError("there are no data then. Ask for another time.")
    start = first if start is None else start
    if start < first - data.step or start >= last:
        raise ProblemError(
            f"nothing was recorded at {_at(start)}; the data go from {_at(first)} to {_at(last)}"
        )
    if end is not None and end < start:
        raise UsageError(f"--to lies before the data begin ({_at(first)})")
    if end is not None and end > last + data.step:
        notes.append(f"The data end at {_at(last)}, before --to.")
    return start, min(end or last, last)


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def _played(
    plan: "Plan",
    data: "Recording",
    span: tuple[datetime, datetime],
    args: argparse.Namespace,
    place: "Place",
    notes: list[str],
) -> "Replay":
    import msgspec

    from bot.replay.play import Names, StuckError, play

    names = Names(
        place.service, place.environment, args.candidate or "canary", args.current or "baseline"
    )
    try:
        replay = asyncio.run(play(plan, data, *span, names))
    except StuckError as error:
        raise ProblemError(str(error)) from error
    return msgspec.structs.replace(replay, notes=tuple(notes))
