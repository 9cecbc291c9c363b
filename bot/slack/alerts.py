"""What people see of duties and responses: what to do by when, and who has done it."""

from collections.abc import Mapping

from bot.domain.duties import WORDS, Duty
from bot.domain.response import Response, StepState, clocks
from bot.domain.rollout import Rollout
from bot.domain.units import format_duration
from bot.ports import Message
from bot.slack.blocks import Block, actions, button, context, fit, header, section
from bot.slack.buttons import link_row, named
from bot.slack.phases import token
from bot.slack.text import MESSAGE_TEXT, clean, cut, escape, render

ACKNOWLEDGE = "acknowledge"
DUTY_DONE = "duty_done"
STEP_DONE = "step_done"

SIGNS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
MOST_STEPS = 20
"""Steps that are shown with a button each; the rest can be ticked by typing."""

_TITLES = {
    "rollback": "What is done about the rollback",
    "step_back": "What is done about the step back",
    "pause": "What is done about the pause",
}


class DutyCards:
    """Implements `bot.engine.presenting.DutyPresenter`.

    accounts: person -> the account by which Slack names them.
    """

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self._accounts = accounts

    def duty(self, duty: Duty, channel: str, permalink: str) -> Message:
        """What somebody has to do, with the button by which they say that it is done."""
        about = render(duty.about, self._accounts)
        where = escape(f"{duty.service} {duty.version} in {duty.environment}")
        state = render(self._state(duty), self._accounts)
        blocks: list[Block] = [
            section(f"{SIGNS.get(duty.level, '')} *{about}*"),
            context(f"{where} · {state}"),
            *self._buttons(duty, permalink),
        ]
        return Message(channel, cut(f"{about} ({where}). {state}", MESSAGE_TEXT), fit(blocks))

    def _state(self, duty: Duty) -> str:
        what = WORDS.get(duty.due, duty.due.replace("_", " "))
        if duty.met_at is not None:
            took = format_duration(duty.met_at - duty.created_at)
            note = f": {duty.note}" if duty.note else ""
            late = ", late" if duty.late_at is not None else ""
            return f"✓ @[{duty.met_by}] after {took}{late}{note}"
        if duty.ended_at is not None:
            return f"over: {duty.over}"
        whom = f"For {' or '.join(duty.by)}: " if duty.by else "Somebody: "
        late = "‼ The time is over. " if duty.late_at is not None else ""
        return f"{late}{whom}{what} until {token(duty.due_at)} · `{duty.id}`"

    def _buttons(self, duty: Duty, permalink: str) -> list[Block]:
        if duty.ended_at is not None:
            return link_row(permalink)
        label = "Acknowledge" if duty.due == "ack" else "Done"
        action = ACKNOWLEDGE if duty.due == "ack" else DUTY_DONE
        pressed = button(
            label, action, duty.id, style="primary", label=f"{label}: {clean(duty.about)}"
        )
        links = [element for row in link_row(permalink) for element in row["elements"]]
        return [actions([pressed, *links])]

    def response(self, response: Response) -> Message:
        """The steps, in their order: done ones with when and by whom, open ones with a button."""
        done = sum(step.done_at is not None for step in response.steps)
        head = f"{_TITLES[response.action]}: {done} of {len(response.steps)} steps"
        blocks: list[Block] = [header(head)]
        for index, step in enumerate(response.steps):
            text = f"{index + 1}. {render(self._step(step), self._accounts)}"
            blocks.append(section(text, accessory=self._tick(response, index, step)))
        if response.verified_at is not None:
            blocks.append(context(escape(clocks(response))))
        lines = [f"{i + 1}. {self._step(step)}" for i, step in enumerate(response.steps)]
        text = cut(render(f"{head}. {' '.join(lines)}", self._accounts), MESSAGE_TEXT)
        return Message(response.channel, text, fit(blocks))

    def _step(self, step: StepState) -> str:
        if step.done_at is None:
            return f"☐ {step.text}{self._waits_for(step)}"
        note = f", {step.evidence}" if step.evidence else ""
        return f"✓ {step.text} (@[{step.by}] {token(step.done_at)}{note})"

    def _waits_for(self, step: StepState) -> str:
        """Who has to do something about an open step."""
        if step.moment:
            return " (the bot does it)"
        agreed = ", ".join(f"@[{each}]" for each in step.agreed)
        if step.open_seats:
            so_far = f"; so far {agreed}" if agreed else ""
            return f" ({step.people} people agree first{so_far})"
        prepared = f" ({step.evidence})" if step.evidence else ""
        return f" (agreed by {agreed})" if agreed else prepared

    def _tick(self, response: Response, index: int, step: StepState) -> Block | None:
        if step.done_at is not None or step.moment or index >= MOST_STEPS:
            return None
        value = f"{response.id}:{index}"
        word = "Agree" if step.open_seats else "Done"
        return button(word, STEP_DONE, value, label=f"{word}: {clean(step.text)}")

    def line(self, text: str) -> Message:
        """One line under the card."""
        said = cut(render(text, self._accounts), MESSAGE_TEXT) or "…"
        return Message("", said, [section(cut(said, 3000))])

    def call(self, about: Duty | Response, text: str, channel: str, permalink: str) -> Message:
        """A call for somebody to look now."""
        what = clean(f"{about.service} {about.version} in {about.environment}")
        return self._call(f"Look now: {what}", text, channel, permalink)

    def warning(self, rollout: Rollout, text: str, channel: str, permalink: str) -> Message:
        """A warning that wakes nobody."""
        return self._call(f"Warning: {named(rollout)}", text, channel, permalink)

    def _call(self, head: str, text: str, channel: str, permalink: str) -> Message:
        said = render(text, self._accounts)
        plain = render(head, {})
        blocks = [header(head), section(said or plain), *link_row(permalink)]
        return Message(channel, cut(f"{plain}. {said}", MESSAGE_TEXT), blocks)
