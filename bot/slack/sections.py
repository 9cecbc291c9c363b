"""The parts of a card, each a pure function from a rollout to blocks (none: nothing to say)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.approvals import ANY, Request, Signature, seating
from bot.domain.conditions import Condition
from bot.domain.gates import Finding, Verdict
from bot.domain.holds import EXEMPTIBLE, on
from bot.domain.policy import legal_answers
from bot.domain.requests import open_items
from bot.domain.rollout import Phase, Rollout, Tick
from bot.domain.units import format_weight
from bot.domain.version_rules import tag_of
from bot.slack.blocks import Block, context, plain, section
from bot.slack.buttons import question_rows
from bot.slack.text import bold, clean, clock, code, cut, escape, mention, quote, render

Accounts = Mapping[str, str]

CELLS = 10
SPARKS = "▁▂▃▄▅▆▇█"
NO_DATA = "·"
LINE = 280
"""The longest line of a list, in characters."""

MOST_LINES = 9
MOST_WAVES = 8
SHOWN_DIGEST = 12

_CHANGES = {
    "breaking": "*breaks something for those who use it*",
    "feature": "adds something",
    "fix": "mends something",
}

_UNDER_WAY = {Phase.SOAKING, Phase.SHIFTING, Phase.PAUSED, Phase.WATCHING}


# --- traffic --------------------------------------------------------------------------------


def bar(weight: float) -> str:
    """A share of the traffic (percent) as ten cells; anything above nothing fills one."""
    full = min(CELLS, max(0, round(weight / 100 * CELLS)))
    if weight > 0:
        full = max(full, 1)
    return "▰" * full + "▱" * (CELLS - full)


def traffic(rollout: Rollout) -> list[Block]:
    """How far it has got: the bar, and every wave in words."""
    if rollout.phase in {Phase.PREFLIGHT, Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED}:
        return []
    waves = rollout.the_plan.waves
    place = f"wave {rollout.wave + 1} of {len(waves)}" if _begun(rollout) else f"{len(waves)} waves"
    head = f"{bar(rollout.weight)}  {bold(format_weight(rollout.weight))} of the traffic"
    if rollout.phase is Phase.SHIFTING or rollout.phase is Phase.STEPPING_BACK:
        head += f", on its way to {format_weight(rollout.target_weight)}"
    return [section(f"{head} · {place}\n{_steps(rollout)}")]


def _steps(rollout: Rollout) -> str:
    waves = rollout.the_plan.waves
    first = min(max(0, rollout.wave - 2), max(0, len(waves) - MOST_WAVES))
    steps = [_step(rollout, index) for index in range(len(waves))][first : first + MOST_WAVES]
    before = ["…"] if first else []
    after = ["…"] if first + MOST_WAVES < len(waves) else []
    return " → ".join([*before, *steps, *after])


def _step(rollout: Rollout, index: int) -> str:
    words = format_weight(rollout.the_plan.waves[index].traffic)
    over = rollout.phase in {Phase.PROMOTING, Phase.WATCHING, Phase.COMPLETED}
    if index < rollout.wave or over:
        return f"{words} done"
    now = index == rollout.wave and rollout.live and _begun(rollout)
    return f"*{words} now*" if now else words


def _begun(rollout: Rollout) -> bool:
    """Whether any traffic has been asked for."""
    return rollout.touched or rollout.phase is Phase.SHIFTING


# --- what is in the way ---------------------------------------------------------------------


def in_the_way(rollout: Rollout, accounts: Accounts, now: datetime) -> list[Block]:
    """Everything that keeps a release from beginning, and when it opens."""
    if rollout.phase not in {Phase.AWAITING_APPROVAL, Phase.QUEUED}:
        return []
    holds = on(rollout.holds, now)
    if rollout.exemption:
        holds = tuple(hold for hold in holds if hold.kind not in EXEMPTIBLE)
    if not holds:
        return []
    title = "In the way" if rollout.phase is Phase.QUEUED else "It will wait once it is signed"
    lines = [cut(f"• {render(hold.text, accounts)}", LINE) for hold in holds]
    if rollout.opens_at is not None:
        lines.append(f"Opens {clock(rollout.opens_at)}")
    return [section(_listed(title, lines))]


# --- gates ----------------------------------------------------------------------------------


def sparkline(points: Sequence[float | None], limit: float | None) -> str:
    """The course of a metric as blocks, scaled so that its limit is near the top."""
    known = [point for point in points if point is not None]
    if len(known) < 2:
        return ""
    top = max([*known, limit or 0.0])
    if top <= 0:
        return "".join(NO_DATA if point is None else SPARKS[0] for point in points)
    last = len(SPARKS) - 1
    return "".join(
        NO_DATA if point is None else SPARKS[min(last, max(0, round(point / top * last)))]
        for point in points
    )


def verdict_words(rollout: Rollout, verdict: Verdict) -> str:
    """A verdict with its sign; before the soak is over it is only how things look so far."""
    early = rollout.phase in _UNDER_WAY
    match verdict:
        case Verdict.PASS:
            return "✓ Passing" if early else "✓ Passed"
        case Verdict.FAIL:
            return "✗ Failing" if early else "✗ Failed"
        case Verdict.INCONCLUSIVE:
            return "… Not enough data"
        case Verdict.UNKNOWN:
            return "? Unknown"


def gates(rollout: Rollout, accounts: Accounts) -> list[Block]:
    """Every gate of the present wave: its value against its limit, or who answered what."""
    if not rollout.touched and not rollout.findings and not rollout.ticks:
        return []
    found = {finding.condition_id: finding for finding in rollout.findings}
    answers = {tick.gate: tick for tick in rollout.ticks}
    lines = [
        line
        for gate in rollout.current_wave.gates
        if (line := _gate(rollout, gate, found, answers, accounts))
    ]
    return [section(_listed("Gates of this wave", lines))] if lines else []


def _gate(
    rollout: Rollout,
    gate: Condition,
    found: Mapping[str, Finding],
    answers: Mapping[str, Tick],
    accounts: Accounts,
) -> str:
    if gate.id in found:
        return _measured(rollout, found[gate.id])
    if gate.id in answers:
        return _answered(gate, answers[gate.id], accounts)
    if not rollout.live:
        return ""
    if gate.kind == "if":
        return cut(f"○ Not measured yet: {bold(gate.text)}", LINE)
    waits = {"check": "being checked", "attest": "waiting for an answer"}
    return cut(f"○ Open: {bold(gate.text)} {waits[gate.kind]}", LINE) if gate.kind in waits else ""


def _measured(rollout: Rollout, finding: Finding) -> str:
    words = "✓ Passing" if finding.early else verdict_words(rollout, finding.verdict)
    course = sparkline(finding.spark, finding.limit)
    line = f"{words}: {bold(finding.text)} {escape(finding.said)}"
    return cut(line, LINE) + (f"\n      {course}" if course else "")


def _answered(gate: Condition, tick: Tick, accounts: Accounts) -> str:
    word = "✓ Yes" if tick.ok else "✗ No"
    rest = f": {quote(tick.evidence, 120)}" if tick.evidence else ""
    who = mention(tick.person, accounts)
    return cut(f"{word}: {bold(gate.text)} by {who}, {clock(tick.at)}{rest}", LINE)


def questions(rollout: Rollout) -> list[Block]:
    """The open questions of the wave with their buttons, at most five at a time."""
    rows: list[Block] = []
    for gate, yes, no in legal_answers(rollout)[:5]:
        if gate.kind == "attest":
            rows += question_rows(gate.text, gate.by, yes, no)
    return rows


# --- triggers and alerts --------------------------------------------------------------------


def triggers(rollout: Rollout) -> list[Block]:
    """The triggers that have begun to count, and the alerts that are on."""
    if not rollout.live or rollout.phase is Phase.ROLLING_BACK:
        return []
    close = [
        line
        for each in rollout.the_plan.triggers_of(rollout.current_wave)
        if (line := _close(rollout, each))
    ]
    alerts = [_alert(rollout, each) for each in _alerting(rollout)]
    lines = [*close, *alerts]
    return [section(_listed("Watch out", lines))] if lines else []


def _close(rollout: Rollout, trigger: Condition) -> str:
    watcher = rollout.watchers.get(trigger.id)
    if watcher is None or watcher.runs == 0 or trigger.do == "notify":
        return ""
    does = trigger.do.replace("_", " ")
    count = f"{min(watcher.runs, trigger.runs_needed)} of {trigger.runs_needed} in a row"
    text = f"! Close to {does}: {bold(trigger.text)} {escape(watcher.shown)}, {count}"
    return cut(text, LINE)


def _alerting(rollout: Rollout) -> list[Condition]:
    plan = rollout.the_plan
    known = [
        *plan.triggers_of(rollout.current_wave),
        *(c for cs in plan.alerts.values() for c in cs),
    ]
    return [condition for condition in known if condition.id in rollout.alerts]


def _alert(rollout: Rollout, alert: Condition) -> str:
    watcher = rollout.watchers.get(alert.id)
    shown = f" {escape(watcher.shown)}" if watcher is not None and watcher.shown else ""
    act = f". {escape(alert.act)}" if alert.act else ""
    return cut(f"! Alert: {bold(alert.say or alert.text)}{shown}{act}", LINE)


# --- people ---------------------------------------------------------------------------------


def signatures(rollout: Rollout, accounts: Accounts) -> list[Block]:
    """Who signed for which seat and when, and who is still missing."""
    blocks: list[Block] = []
    if rollout.rollback_request is not None:
        blocks.append(section(_seats("Rollback", rollout.rollback_request, accounts)))
    if rollout.request is not None:
        text = _seats("Signatures", rollout.request, accounts)
        deciding = rollout.phase in {Phase.AWAITING_APPROVAL, Phase.QUEUED}
        blocks.append(section(text) if deciding else context(text))
    if rollout.quarantine_releases:
        names = " and ".join(mention(each, accounts) for each in rollout.quarantine_releases)
        blocks.append(context(f"Released from quarantine by {names}"))
    return blocks


def _seats(title: str, request: Request, accounts: Accounts) -> str:
    lines = []
    for seat, signature in _taken(request):
        name = "any role" if seat == ANY else escape(seat)
        if signature is None:
            lines.append(f"○ {name}: still missing")
            continue
        who = mention(signature.person, accounts)
        said = f", “{quote(signature.comment, 100)}”" if signature.comment.strip() else ""
        lines.append(cut(f"✓ {name}: {who}, {clock(signature.at)}{said}", LINE))
    lines += [_optional_seat(request, role, accounts) for role in request.optional]
    if request.comment_required and request.missing:
        lines.append("A comment is required; Approve asks for it.")
    return _listed(title, lines)


def _optional_seat(request: Request, role: str, accounts: Accounts) -> str:
    """A role that may sign and is not waited for."""
    seated = seating(request.seats, request.signatures).values()
    given = [s for s in request.signatures if role in s.roles and s not in seated]
    if not given:
        return f"○ {escape(role)}: may sign, nobody waits for it"
    return cut(
        f"✓ {escape(role)}: {mention(given[0].person, accounts)}, {clock(given[0].at)}", LINE
    )


def _taken(request: Request) -> Iterator[tuple[str, Signature | None]]:
    """Every seat and who took it; of seats with one name, the first to sign comes first."""
    waiting: dict[str, list[Signature]] = {}
    for index, signature in seating(request.seats, request.signatures).items():
        waiting.setdefault(request.seats[index], []).append(signature)
    for signatures in waiting.values():
        signatures.sort(key=lambda signature: signature.at, reverse=True)
    for seat in request.seats:
        left = waiting.get(seat)
        yield seat, left.pop() if left else None


# --- what it is -----------------------------------------------------------------------------


def identity(rollout: Rollout, accounts: Accounts) -> Block:
    """The small print under the headline: id, plan, requester, what exactly is released."""
    parts = [
        f"Rollout {code(rollout.id)}",
        f"plan {escape(rollout.the_plan.name)}",
        f"asked for by {mention(rollout.requested_by.person, accounts)}",
    ]
    tag = tag_of(rollout.the_plan.sections.version, rollout.version)
    if tag != rollout.version:
        parts.append(f"tag {escape(tag)}")
    if rollout.previous:
        parts.append(f"replaces {escape(rollout.previous)}")
    if rollout.change:
        parts.append(_CHANGES.get(rollout.change, escape(rollout.change)))
    return context(" · ".join(parts), artifact_words(rollout))


def artifact_words(rollout: Rollout) -> str:
    """What is signed for and what is deployed, by the first digits of their digests."""
    request = rollout.rollback_request or rollout.request
    word = "signed" if request is not None and request.complete else "to be signed"
    signed = f"{word} {code(request.digest[:SHOWN_DIGEST])}" if request is not None else ""
    bare = rollout.artifact.removeprefix("sha256:")
    artifact = f"artifact {code(bare[:SHOWN_DIGEST])}" if bare else ""
    if not bare and rollout.phase is not Phase.PREFLIGHT:
        artifact = "released by name: this version has no digest"
    return " · ".join(part for part in (artifact, signed) if part) or "artifact not known yet"


def note(rollout: Rollout) -> list[Block]:
    """What the requester wrote, as plain text."""
    text = " ".join(clean(rollout.note).split())
    return [context(plain(f"Note: {text}", 600))] if text else []


def open_questions(rollout: Rollout) -> int:
    """How many questions wait for a person."""
    return sum(gate.kind == "attest" for gate in open_items(rollout))


def minutes_matter(span: timedelta) -> bool:
    """Whether a span is so short that its end needs seconds."""
    return span < timedelta(hours=1)


def _listed(title: str, lines: Sequence[str]) -> str:
    shown = list(lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        shown.append(f"… and {len(lines) - MOST_LINES} more")
    return "\n".join([f"*{title}*", *shown])
