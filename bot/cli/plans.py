"""`plan` and `schema`: what plan files say, whether they are sound, how editors complete them."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli import checking, replay
from bot.cli.shell import FINE, Shell, UsageError, Verbs, table
from bot.cli.written import library_of, named, settings_of

if TYPE_CHECKING:
    from bot.domain.freezes import Freeze
    from bot.domain.plan import Plan
    from bot.domain.preview import Preview, WavePreview

BUILT_IN = "built-in "
"""What the names of files that come with the program begin with."""


def add(verbs: Verbs) -> None:
    """Put the verbs of this module into the tree."""
    plan = verbs.group("plan", "the plans that releases follow")
    plan.add("list", "every plan there is", _list, json=True)
    show = plan.add("show", "the file of a plan, to copy and change", _show, json=True)
    show.add_argument("plan")
    checking.add(plan)
    preview = plan.add("preview", "what would happen when", _preview, json=True)
    preview.add_argument("plan")
    preview.add_argument("--type", default="", help="hotfix, feature or major")
    preview.add_argument("--start", default="now", help="now, or like 2026-03-01T09:00Z")
    replay.add(plan)
    schema = verbs.add("schema", "the JSON Schema of a file, for editors", _schema)
    schema.add_argument("file", choices=("config", "plan"))


def _list(args: argparse.Namespace, shell: Shell) -> int:
    library = library_of(args, shell)
    plans = {name: library.get(name) for name in library.names()}
    if args.json:
        shell.say_json(
            [
                {"plan": name, "summary": plan.summary, "file": library.file(name)}
                for name, plan in plans.items()
            ]
        )
        return FINE
    rows = [(name, _shape(plan), plan.summary) for name, plan in plans.items()]
    shell.say(*table(rows))
    return FINE


def _shape(plan: "Plan") -> str:
    waves = " > ".join(f"{wave.traffic:g}" for wave in plan.waves)
    return f"{waves} %, {plan.approval.seats} sign"


def _show(args: argparse.Namespace, shell: Shell) -> int:
    import msgspec

    library = library_of(args, shell)
    plan = named(library, args.plan)
    if args.json:
        shell.say_json(msgspec.to_builtins(plan.document))
        return FINE
    shell.out.write(_text(library.file(args.plan)))
    return FINE


def _text(file: str) -> str:
    from importlib.resources import files

    if file.startswith(BUILT_IN):
        found = files("templates").joinpath("plans", file.removeprefix(BUILT_IN))
        return found.read_text("utf-8")
    return Path(file).read_text("utf-8")


def _preview(args: argparse.Namespace, shell: Shell) -> int:
    import msgspec

    from bot.domain.holds import Asked, forecast
    from bot.domain.preview import preview
    from bot.domain.release_types import implied_type

    plan = named(library_of(args, shell), args.plan)
    start = _start(args.start, shell)
    kind = args.type or implied_type(plan)
    asked = Asked(service="", environment="production", plan=plan, kind=kind)
    try:
        seen = preview(plan, start, forecast(asked, _freezes(args, shell), start))
    except OverflowError as error:
        raise UsageError("--start is too late for any calendar") from error
    if args.json:
        shell.say_json(msgspec.to_builtins(seen))
    else:
        shell.say(*_schedule(plan, seen))
    return FINE


def _start(text: str, shell: Shell) -> datetime:
    if text == "now":
        return shell.now().replace(microsecond=0)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError("--start takes now, or an instant like 2026-03-01T09:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _schedule(plan: "Plan", seen: "Preview") -> list[str]:
    from bot.domain.units import format_duration
    from bot.slack.text import words

    rows = [
        (
            f"{wave.traffic:g} %",
            f"{wave.starts_at:%Y-%m-%d %H:%M:%S %Z}",
            f"for {format_duration(wave.ends_at - wave.starts_at)}",
            "; ".join(wave.gates) or "no gates",
            f"else {wave.on_breach}" if wave.gates else "",
        )
        for wave in seen.waves
    ]
    waits = dict.fromkeys(what for wave in seen.waves for what in wave.waits_for)
    return [
        f"{plan.name}: {plan.summary}".removesuffix(": "),
        *(f"In the way: {words(text)}" for text in seen.in_the_way),
        _begins(seen),
        *table(rows),
        f"In all {format_duration(seen.total)}, if nothing waits for a person; "
        f"{format_duration(seen.longest)} when every wave needs more evidence.",
        *(f"{wave.traffic:g} %: {line}" for wave in seen.waves for line in _ways(wave)),
        *(f"Waits for: {what}" for what in waits),
        f"One can go back until {seen.can_go_back_until:%Y-%m-%d %H:%M:%S %Z}.",
        f"Signed by: {', '.join(seen.signers)}",
        f"Rolled back by: {'; '.join(seen.rollback_on) or 'a person only'}",
        f"A rollback by a person is signed by: {', '.join(seen.rollback_signers) or 'nobody else'}",
    ]


def _begins(seen: "Preview") -> str:
    if seen.opens_at is None:
        return "Nobody can say when it may begin; the schedule is as if it began now."
    when = f"{seen.opens_at:%Y-%m-%d %H:%M:%S %Z}"
    return f"It may begin {when} (locks and other releases are known to the running bot alone)."


def _freezes(args: argparse.Namespace, shell: Shell) -> "tuple[Freeze, ...]":
    """The freezes of the configuration that are about every service."""
    from bot.domain.freezes import freezes

    settings = settings_of(args, shell)
    found = freezes(settings.config.freezes) if settings is not None else ()
    return tuple(freeze for freeze in found if not freeze.services)


def _ways(wave: "WavePreview") -> list[str]:
    """How a wave goes besides its traffic and its gates."""
    said = {
        "for": (wave.audience,),
        "in steps": (wave.ramp,),
        "status": wave.posts,
        "meetings": wave.meetings,
        "stand by": wave.standby,
        "when it breaks": wave.steps,
        "people choose from": wave.options,
    }
    listed = {word: "; ".join(part for part in parts if part) for word, parts in said.items()}
    return [f"{word} {text}" for word, text in listed.items() if text]


def _schema(args: argparse.Namespace, shell: Shell) -> int:
    from bot.schemas import config_schema, plan_schema

    shell.say_json(config_schema() if args.file == "config" else plan_schema())
    return FINE
