"""The verbs that change nothing: status, list, show, preview, history, help."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.checklists import checklists_of, required
from bot.domain.holds import Asked, in_words
from bot.domain.plan import Plan
from bot.domain.planned import timetable
from bot.domain.preparing import open_words
from bot.domain.preview import preview
from bot.domain.release_types import approval_of, implied_type
from bot.domain.rollout import BEFORE_TRAFFIC, Phase, Rollout
from bot.domain.units import format_duration
from bot.domain.version_rules import tag_lines
from bot.slack.replies import Reply
from commands.context import Call, Verb
from commands.holds import outlook_lines
from commands.parser import Argument, Grammar
from commands.start import GRAMMAR as START
from commands.start import checked_version, chosen_plan, labels_of, planned_at, version_words

_TARGET = Grammar((Argument("target", "a service or a rollout's id"),))
_SHORT = timedelta(hours=1)
"""A release within this is told by the second."""


def instant(at: datetime) -> str:
    """An instant as the text layer shows it in everybody's own zone."""
    return f"t[{int(at.timestamp())}]"


def line(rollout: Rollout) -> str:
    """A rollout in one line."""
    weight = f", {rollout.weight:g} %" if rollout.live else ""
    phase = rollout.phase.replace("_", " ")
    where = f"{rollout.service} {rollout.version} → {rollout.environment}"
    held = in_words(rollout.holds) if rollout.phase in BEFORE_TRAFFIC else ""
    why = f" ({held})" if held else ""
    return f"`{rollout.id}` {where}: {phase}{weight}, since {instant(rollout.phase_since)}{why}"


async def _status(call: Call) -> Reply:
    """One rollout in a few sentences."""
    rollout = await call.rollout(ended=True)
    lines = [line(rollout)]
    if rollout.phase in BEFORE_TRAFFIC:
        outlook = await call.context.engine.holds.of_rollout(rollout)
        expires = rollout.request.expires_at if rollout.request is not None else None
        lines += outlook_lines(outlook, expires, rollout.type)
    elif rollout.reason:
        lines.append(rollout.reason)
    if rollout.phase is Phase.PREFLIGHT:
        lines.append(open_words(rollout))
    lines += [f"• {finding.shown} ({finding.verdict})" for finding in rollout.findings]
    request = rollout.rollback_request or (None if rollout.ended else rollout.request)
    if request is not None and not request.complete:
        missing = ", ".join("anybody with a role" if s == "*" else s for s in request.missing)
        lines.append(f"Still to sign: {missing}")
    return Reply("\n".join(lines))


async def _list(call: Call) -> Reply:
    """Everything under way."""
    word = call.parsed.get("target")
    found = await call.context.candidates(word, "" if not word else call.intent.channel)
    if not found:
        start = call.context.names.release
        return Reply(f"Nothing is under way. `{start} start VERSION` begins a release.")
    return Reply("\n".join(line(rollout) for rollout in found))


async def _show(call: Call) -> Reply:
    """Everything that is known of one rollout."""
    rollout = await call.rollout(ended=True)
    request = rollout.request
    lines = [
        line(rollout),
        f"Plan {rollout.the_plan.name}, artifact {rollout.artifact or '(by name only)'}",
        f"Asked for by @[{rollout.requested_by.person}] at {instant(rollout.created_at)}",
    ]
    if request is not None:
        lines.append(f"Digest `{request.digest}`, generation {request.generation}")
        lines += [
            f"• signed by @[{s.person}] at {instant(s.at)} {s.comment}".rstrip()
            for s in request.signatures
        ]
    for mark in rollout.marks:
        lines.append(
            f"• wave {mark.wave + 1}: {mark.weight:g} % confirmed at {instant(mark.applied_at)}"
        )
    if rollout.reason:
        lines.append(rollout.reason)
    return Reply("\n".join(lines))


async def _history(call: Call) -> Reply:
    """What was released, newest first."""
    found = await call.context.recent(call.parsed.get("target"), call.intent.channel)
    if not found:
        return Reply("Nothing has been released here yet.")
    return Reply("\n".join(line(rollout) for rollout in found))


async def _preview(call: Call) -> Reply:
    """The whole schedule, with clock times; nothing is changed."""
    context, given = call.context, call.parsed
    target = context.target(given.get("service"), given.get("env"), call.intent.channel)
    plan = chosen_plan(context, target, given)
    signs = approval_of(plan, given.get("type"), labels_of(given, plan))
    plan = msgspec.structs.replace(plan, approval=signs)
    version = checked_version(given.get("version"), plan, target.environment)
    kind = given.get("type") or implied_type(plan)
    outlook = await context.engine.holds.of_asked(
        Asked(
            service=target.service,
            environment=target.environment,
            plan=plan,
            kind=kind,
            labels=labels_of(given, plan),
            planned_at=planned_at(given, plan, context.now()),
        )
    )
    seen = preview(plan, context.now(), outlook)
    lines = [f"{target.service} {version} → {target.environment} by plan {plan.name}:"]
    lines += outlook_lines(outlook, kind=kind)
    lines += await version_words(context, target, plan, version, given)
    lines += tag_lines(plan.sections.version, version, given.get("note"), context.now())
    for wave in seen.waves:
        gates = "; ".join(wave.gates) or "no gates"
        when = f"from {instant(wave.starts_at)} to {instant(wave.ends_at)}"
        lines.append(f"• {wave.traffic:g} % {when}: {gates}")
    begins = outlook.opens_at or context.now()
    for entry in (each for each in timetable(plan, begins) if each.at > context.now()):
        who = f" ({' or '.join(entry.by)})" if entry.by else ""
        lines.append(f"• {instant(entry.at)} {entry.what}{who}")
    lines.append(f"In all {format_duration(seen.total)} if nothing waits for a person.")
    lines += [f"First: {each}" for each in _preparations(plan, target.environment)]
    for timer in plan.sections.timers:
        if timer.when == "started":
            lines.append(f"Expected within {timer.within}; what takes longer is said.")
    lines.append("Signed by: " + ", ".join(seen.signers))
    lines += [f"Waits for: {what}" for wave in seen.waves for what in wave.waits_for]
    lines.append("Rolled back by: " + ("; ".join(seen.rollback_on) or "a person only"))
    lines.append(f"One can go back until {instant(seen.can_go_back_until)}.")
    return Reply("\n".join(lines), seconds=seen.total < _SHORT)


def _preparations(plan: Plan, environment: str) -> Iterator[str]:
    for each in checklists_of(plan, environment):
        count = len(required([each]))
        if count:
            due = f", due {each.due.lstrip('+-')} before" if each.due else ""
            yield f"{each.title} ({count} {'item' if count == 1 else 'items'}{due})"


VERBS: Sequence[Verb] = (
    Verb("status", "How a release stands.", _status, _TARGET, reads=True),
    Verb("list", "Everything under way.", _list, _TARGET, reads=True),
    Verb("show", "All that is known of one release.", _show, _TARGET, reads=True),
    Verb("history", "What was released here.", _history, _TARGET, reads=True),
    Verb("preview", "The schedule of a release; changes nothing.", _preview, START, reads=True),
)
