"""What people see of an incident: its card, the steps of its runbook, the post-mortem."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from bot.domain.incident import COMMANDER, Incident, PostMortem, State
from bot.domain.incident_terms import Severity
from bot.domain.incident_words import called, in_order, lasted, line, logs, named
from bot.domain.response import StepState
from bot.domain.units import format_duration
from bot.ports import Message
from bot.slack.blocks import Block, actions, button, context, fit, header, section
from bot.slack.buttons import link_row
from bot.slack.links import link
from bot.slack.phases import token
from bot.slack.text import MESSAGE_TEXT, clean, cut, escape, render

ACK = "incident_ack"
COMMAND = "incident_command"
UPDATE = "incident_update"
RESOLVE = "incident_resolve"
REOPEN = "incident_reopen"
STEP = "incident_step"
DECLARE = "incident_declare"

SIGNS = {Severity.CRITICAL: "🔴", Severity.MAJOR: "🟠", Severity.MINOR: "🔵"}
MOST_STEPS = 20
LATEST = 5
"""How many lines of the timeline are on the card."""

SECTION = 2900


class IncidentCards:
    """Implements `bot.engine.incident_work.IncidentPresenter`.

    accounts: person -> the account by which Slack names them. release, rollback: the slash commands
    as this installation calls them.
    """

    def __init__(
        self,
        accounts: Mapping[str, str],
        release: str = "/release",
        rollback: str = "/rollback",
    ) -> None:
        self._accounts = accounts
        self._release = release
        self._rollback = rollback

    # --- the card ---------------------------------------------------------------------------

    def card(self, incident: Incident, now: datetime) -> Message:
        """The one card, as it is now."""
        head = f"Incident: {called(incident)}. {incident.state}. {self._who(incident)}"
        text = cut(self._said(head), MESSAGE_TEXT)
        return Message(incident.channel, text, fit(list(self._blocks(incident, now))))

    def _blocks(self, incident: Incident, now: datetime) -> Iterator[Block]:
        sign = SIGNS[incident.severity]
        yield header(cut(clean(f"{sign} {incident.title}"), 150))
        yield section(self._said(self._identity(incident, now)))
        yield section(self._said(self._who(incident)))
        if incident.said:
            at = token(incident.said_at or incident.created_at)
            yield section(cut(self._said(f"{incident.said} ({at})"), SECTION))
        if incident.affected:
            yield section(cut(self._said(f"Affected: {incident.affected}"), SECTION))
        if incident.open:
            yield section(cut(self._said(self._ways(incident)), SECTION))
        lines = [line(entry) for entry in in_order(incident)[-LATEST:]]
        yield section(cut(self._said("\n".join(lines)), SECTION))
        owed = self._owed(incident)
        if owed:
            yield section(cut(self._said("\n".join(owed)), SECTION))
        more = _more(incident, now)
        if more:
            yield context(cut(more, SECTION))
        yield actions(_buttons(incident))
        yield context(self._said(f"`{incident.id}` · updated {token(now)}"))

    def _identity(self, incident: Incident, now: datetime) -> str:
        version = f" {incident.version}" if incident.version else ""
        place = f"{incident.service}{version} in {incident.environment}"
        span = f"since {token(incident.began_at)}, {lasted(incident, now)}"
        return f"{incident.severity}, {incident.state} · {place} · {span}"

    def _who(self, incident: Incident) -> str:
        parts = [f"{role}: @[{person}]" for role, person in incident.roles.items()]
        if incident.open and not incident.commander:
            parts.append("nobody leads it yet")
        if incident.acknowledged_at is not None:
            took = format_duration(incident.acknowledged_at - incident.created_at)
            parts.append(f"acknowledged by @[{incident.acknowledged_by}] after {took}")
        elif incident.open:
            parts.append(_unanswered(incident))
        if incident.resolved_at is not None:
            parts.append(f"resolved by @[{incident.resolved_by}] {token(incident.resolved_at)}")
        return " · ".join(parts)

    def _ways(self, incident: Incident) -> str:
        """What can be done about it, by how bad it is; who decides is the one who leads it."""
        fix = f"`{self._release} start VERSION --type hotfix`"
        back = f"`{self._rollback} {incident.service}`"
        if incident.origin == "rollback":
            return f"The traffic is taken back already. The way out is a hotfix: {fix}"
        if incident.severity is Severity.CRITICAL:
            return f"A release caused it: {back} at once. Otherwise a hotfix: {fix}"
        return f"Repair it with a hotfix: {fix}. If it gets worse: {back}"

    def _owed(self, incident: Incident) -> list[str]:
        """What is still to be done, and where more is."""
        lines = []
        if incident.steps:
            done = sum(step.done_at is not None for step in incident.steps)
            lines.append(f"Runbook {incident.runbook}: {done} of {len(incident.steps)} steps done")
        if incident.open and incident.update_due_at is not None:
            lines.append(f"Next word on it: {token(incident.update_due_at)}")
        lines += _post_mortem(incident.post_mortem)
        lines += [
            f"Action {item.number}: {item.text} (@[{item.owner}], until {token(item.due_at)})"
            for item in incident.open_actions
        ]
        return lines

    # --- under it, and elsewhere ------------------------------------------------------------

    def runbook(self, incident: Incident) -> Message:
        """The steps in their order: done ones with when and by whom, open ones with a button."""
        done = sum(step.done_at is not None for step in incident.steps)
        head = f"Runbook {incident.runbook}: {done} of {len(incident.steps)} steps"
        blocks: list[Block] = [header(clean(head))]
        texts = [f"{i + 1}. {_step(step)}" for i, step in enumerate(incident.steps)]
        for index, step in enumerate(incident.steps):
            tick = _tick(incident, index, step)
            blocks.append(section(cut(self._said(texts[index]), SECTION), accessory=tick))
        text = cut(self._said(f"{head}. {' '.join(texts)}"), MESSAGE_TEXT)
        return Message(incident.channel, text, fit(blocks))

    def post_mortem(self, incident: Incident) -> Message:
        """The draft, a section for each of its parts."""
        text = incident.post_mortem.text
        parts = [part.strip() for part in text.split("\n\n") if part.strip()]
        blocks = [section(cut(self._said(part), SECTION)) for part in parts]
        head = f"Draft of the post-mortem of {named(incident)}"
        said = cut(self._said(f"{head}\n{text}"), MESSAGE_TEXT)
        plain = clean(head).replace("`", "")  # a header shows what means code elsewhere
        return Message(incident.channel, said, fit([header(plain), *blocks]))

    def line(self, text: str) -> Message:
        """One line under the card."""
        said = cut(self._said(text), MESSAGE_TEXT) or "…"
        return Message("", said, [section(cut(said, 3000))])

    def call(self, incident: Incident, text: str, channel: str, permalink: str) -> Message:
        """A call for somebody to look now."""
        head = f"Incident: {clean(incident.title)}"
        said = self._said(text)
        rows = link_row(permalink, "Open the incident")
        blocks = [header(cut(head, 150)), section(cut(said, 3000) or escape(head)), *rows]
        return Message(channel, cut(f"{escape(head)}. {said}", MESSAGE_TEXT), blocks)

    def _said(self, text: str) -> str:
        return render(text, self._accounts)


def _unanswered(incident: Incident) -> str:
    if incident.ack_due_at is None:
        return "nobody has acknowledged it, and everybody has been called"
    chain = incident.rules.escalation
    following = chain[incident.called : incident.called + 1]
    rest = f", then {following[0].replace('_', ' ')} is called" if following else ""
    later = [name.replace("_", " ") for name in chain[incident.called + 1 :]]
    rest += f" (after that: {', '.join(later)})" if later else ""
    return f"to be acknowledged until {token(incident.ack_due_at)}{rest}"


def _more(incident: Incident, now: datetime) -> str:
    """Links to where more is: ticket, logs, what people added."""
    found = [link(incident.ticket_link, f"Ticket {incident.ticket}")] if incident.ticket else []
    address = logs(incident, now)
    if address:
        found.append(link(address, "Logs"))
    found += [link(address, f"Dashboard {name}") for name, address in incident.dashboards.items()]
    found += [link(each, f"Link {i}") for i, each in enumerate(incident.links, 1)]
    return " · ".join(found)


def _post_mortem(held: PostMortem) -> list[str]:
    if held.published_at is not None:
        return [f"Post-mortem published by @[{held.published_by}] {held.link}".rstrip()]
    if held.due_at is None:
        return []
    late = "‼ The time for it is over. " if held.late_at is not None else ""
    return [f"{late}Post-mortem due {token(held.due_at)}"]


def _step(step: StepState) -> str:
    if step.done_at is None:
        return f"☐ {step.text}"
    note = f": {step.evidence}" if step.evidence else ""
    return f"✓ {step.text} · @[{step.by}] {token(step.done_at)}{note}"


def _tick(incident: Incident, index: int, step: StepState) -> Block | None:
    if step.done_at is not None or index >= MOST_STEPS or incident.state is State.CLOSED:
        return None
    value = f"{incident.id}:{index}"
    return button("Done", STEP, value, label=f"Done: {clean(step.text)}")


def _buttons(incident: Incident) -> Sequence[Block]:
    """What makes sense now; who may is decided when it is pressed."""
    what = clean(incident.title)
    if not incident.open:
        return [button("Reopen", REOPEN, incident.id, label=f"Reopen: {what}")]
    found = []
    if incident.acknowledged_at is None:
        found.append(
            button("Acknowledge", ACK, incident.id, style="primary", label=f"Acknowledge: {what}")
        )
    if not incident.roles.get(COMMANDER):
        found.append(button("Take command", COMMAND, incident.id, label=f"Take command: {what}"))
    found.append(button("Update…", UPDATE, incident.id, label=f"Update: {what}"))
    found.append(button("Resolve…", RESOLVE, incident.id, label=f"Resolve: {what}"))
    return found
