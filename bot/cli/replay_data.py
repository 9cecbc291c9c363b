"""Where the data of a replay come from: a file, or the metrics source of an environment."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.shell import ProblemError, Shell, UsageError

if TYPE_CHECKING:
    from bot.domain.plan import Metric, Plan
    from bot.domain.recording import Key, Recording


@dataclass(frozen=True)
class Place:
    """Whose traffic is replayed. metrics: the options of its source, None without one."""

    service: str = "service"
    environment: str = "production"
    metrics: Any = None

    @property
    def define(self) -> "Mapping[str, Metric]":
        """What this environment measures in its own way."""
        found: Mapping[str, Metric] = getattr(self.metrics, "define", {})
        return found


def place_of(args: argparse.Namespace, shell: Shell) -> Place:
    """The environment that is meant. With recorded data none has to be configured.

    Raises ProblemError, UsageError.
    """
    from bot.cli.loading import config_path, configured

    if args.data and not args.service and not config_path(args, shell).exists():
        return Place()
    settings, _ = configured(args, shell, serving=False)
    keys = [
        (service, environment)
        for service, environment in settings.environments
        if args.service in (None, service) and args.environment in (None, environment)
    ]
    if len(keys) == 1:
        return Place(*keys[0], settings.environments[keys[0]].metrics)
    if args.data and not args.service and not args.environment:
        return Place()
    known = ", ".join(f"{service} {environment}" for service, environment in settings.environments)
    which = "none of these is meant" if not keys else "several environments are configured"
    raise UsageError(f"{which}: say --service and --env (configured: {known})")


def instant(text: str | None, option: str) -> datetime | None:
    """An instant from the command line, None when it was not given. Raises UsageError."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} takes an instant like 2026-03-01T09:00Z; without a zone it is UTC"
        ) from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def from_file(name: str) -> "Recording":
    """The data in a file. Raises ProblemError."""
    from bot.replay.files import RecordingError, parse

    try:
        text = Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"{name} can't be read: {error}") from error
    try:
        return parse(text, name)
    except RecordingError as error:
        raise ProblemError(str(error)) from error


def write(name: str, text: str) -> None:
    """Write a file. Raises ProblemError."""
    try:
        Path(name).write_text(text, "utf-8")
    except OSError as error:
        raise ProblemError(f"{name} can't be written: {error.strerror or error}") from error


async def from_source(
    args: argparse.Namespace,
    place: Place,
    plan: "Plan",
    span: tuple[datetime, datetime],
) -> "tuple[Recording, Mapping[Key, str]]":
    """What the environment's Prometheus has kept, and what it has not.

    Raises ProblemError, UsageError.
    """
    from bot.domain.units import parse_duration
    from bot.metrics.prometheus import PrometheusOptions
    from bot.metrics.prometheus_api import NoAnswerError
    from bot.metrics.recorder import Recorder, Stretch
    from bot.ports import PermanentError
    from bot.setup import real_world

    options = place.metrics
    if not isinstance(options, PrometheusOptions):
        raise ProblemError(
            f"{place.service} {place.environment} is not measured by Prometheus, and nothing else"
            " keeps the past. Replay a file with --data; docs/replay.md says how to write one."
        )
    _named(args, options)
    try:
        step = parse_duration(args.step or options.scrape_interval)
    except ValueError as error:
        raise UsageError(f"--step: {error}") from error
    if step < timedelta(milliseconds=100):
        raise UsageError("--step has to be at least 100ms")
    names = {
        "candidate": args.candidate,
        "current": args.current,
        "service": place.service,
        "environment": place.environment,
    }
    async with real_world() as outside:
        recorder = Recorder(options, outside.http, names)
        try:
            return await recorder.record(plan.metrics, wanted(plan), Stretch(*span, step))
        except (NoAnswerError, PermanentError) as error:
            raise ProblemError(str(error)) from error


def wanted(plan: "Plan") -> "Sequence[Key]":
    """Both sides of all that the plan's conditions are about, as far as a source can keep it."""
    from bot.domain.samples import Track

    return [
        (name, track)
        for name in sorted(judged(plan))
        for track in Track
        if plan.metrics[name].kind != "probe" and not plan.metrics[name].outside
    ]


def judged(plan: "Plan") -> frozenset[str]:
    """The metrics that any condition of the plan is about."""
    return frozenset(name for name, _ in needed(plan))


def needed(plan: "Plan") -> "Sequence[Key]":
    """What has to be there for every condition to be judged."""
    from bot.domain.gates import needs

    conditions = [gate for wave in plan.waves for gate in wave.gates]
    conditions += [trigger for wave in plan.waves for trigger in plan.triggers_of(wave)]
    conditions += [alert for level in plan.alerts.values() for alert in level]
    return needs(conditions, plan.metrics)


def _named(args: argparse.Namespace, options: Any) -> None:
    """Without their names in the labels the two sides can't be told apart."""
    from bot.domain.samples import Track

    for track, option, words in (
        (Track.CANARY, "candidate", ("{candidate}", "{version}")),
        (Track.BASELINE, "current", ("{current}", "{version}")),
    ):
        matcher = options.tracks.get(track, "")
        if any(word in matcher for word in words) and not getattr(args, option):
            raise UsageError(
                f"--{option} is needed: what {words[0]} stood for then in {matcher!r} (the slot,"
                " or the version)"
            )
