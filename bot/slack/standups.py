"""What people see of a standup: one message, its thread, its forms.

The words are templates: see `bot.slack.standup_texts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.domain.standup_content import in_zone
from bot.domain.standup_state import DECIDED, Choice, Decision, Standup, Topic
from bot.ports import Message
from bot.slack.blocks import (
    SECTION_TEXT,
    Block,
    Style,
    actions,
    button,
    choice,
    context,
    divider,
    fit,
    header,
    modal,
    section,
    text_input,
)
from bot.slack.phases import token
from bot.slack.standup_texts import StandupTexts, builtin
from bot.slack.text import MESSAGE_TEXT, clean, cut, escape, mention, render

DECISION_FORM = "standup_decision"
ADD_FORM = "standup_add_action"
ADD = "standup_add"
DONE = "standup_done"

REASON_MOST = 1000
TEXT_MOST = 300
MOST_DONE = 5
"""How many open actions have a button of their own."""

Accounts = Mapping[str, str]
Whom = Mapping[str, Sequence[str]]

_LABELS = {
    Choice.CONTINUE: "Continue",
    Choice.NEXT_WAVE: "Next wave",
    Choice.PAUSE: "Pause",
    Choice.ROLLBACK: "Roll back",
}
_STYLES: Mapping[Choice, Style] = {Choice.CONTINUE: "primary", Choice.ROLLBACK: "danger"}


class StandupCards:
    """The presenter of standups. accounts: person -> the account by which Slack names them.

    command: the slash command as it is called here. texts: its words, None for the built-in ones.
    """

    def __init__(
        self, accounts: Accounts, command: str = "/standup", texts: StandupTexts | None = None
    ) -> None:
        self._accounts = accounts
        self._command = command
        self._words = texts or builtin()

    def standup(self, standup: Standup, whom: Whom, now: datetime) -> Message:
        """The one message of a standup, as it is now."""
        blocks = [header(_title(standup)), *self._invited(standup, whom)]
        if standup.topics:
            for topic in standup.topics:
                blocks += self._topic(standup, topic)
        else:
            blocks += self._parts("quiet", standup=standup)
        if "next_actions" in standup.agenda:
            blocks += [divider(), *self._next(standup)]
        small = f"Standup `{standup.id}` · updated {token(now)}"
        blocks.append(context(render(small, self._accounts)))
        text = cut(render(self._summary(standup), self._accounts), MESSAGE_TEXT)
        return Message(standup.channel, text, fit(blocks))

    def line(self, standup: Standup, text: str) -> Message:
        """Something said under it, or to one person."""
        said = cut(render(text, self._accounts), MESSAGE_TEXT) or "…"
        return Message(standup.channel, said, [section(cut(said, SECTION_TEXT))])

    def reminder(self, standup: Standup, whom: Whom) -> Message:
        """What those are told who have not decided."""
        waiting = ", ".join(f"{t.service} {t.version}" for t in standup.undecided)
        people = list(dict.fromkeys(account for each in whom.values() for account in each))
        called = " ".join(mention(account, {}) for account in people)
        text = (
            f"Nobody has decided yet how {escape(clean(waiting))} goes on. It goes on by its plan."
        )
        said = f"{called} {text}".strip()
        return Message(standup.channel, cut(said, MESSAGE_TEXT), [section(cut(said, SECTION_TEXT))])

    def weekly(self, standup: Standup) -> Message:
        """The report of the week."""
        title = f"The week: {standup.plan}"
        told = [line if line.startswith("*") else f"• {line}" for line in standup.weekly]
        lines = [render(line, self._accounts) for line in told]
        blocks = [header(title), section(cut("\n".join(lines), SECTION_TEXT))]
        text = cut("\n".join([escape(title), *lines]), MESSAGE_TEXT)
        return Message(standup.channel, text, blocks)

    def plain(self, standup: Standup) -> str:
        """All of it as one text in the domain's plain text, for the answer to a command."""
        pieces = [_title(standup)]
        for topic in standup.topics:
            pieces += self._texts("topic", standup=standup, topic=topic, agenda=standup.agenda)
            if topic.decision is not None:
                pieces.append(_decided(topic.decision))
        if not standup.topics:
            pieces += self._texts("quiet", standup=standup)
        pieces += self._texts("actions", standup=standup, command=self._command)
        return "\n\n".join(pieces)

    # -- its parts ---------------------------------------------------------------------------

    def _summary(self, standup: Standup) -> str:
        """The text of a notification."""
        if not standup.topics:
            return f"{_title(standup)}: no release is under way"
        where = "; ".join(f"{t.service} {t.version}: {t.where}" for t in standup.topics)
        return f"{_title(standup)}: {where}"

    def _invited(self, standup: Standup, whom: Whom) -> list[Block]:
        names = []
        for role in standup.attendees:
            people = " ".join(mention(account, {}) for account in whom.get(role, ()))
            names.append(f"{escape(role.replace('_', ' '))} {people or '(nobody is known)'}")
        if standup.asked_by:
            names.append(f"asked for by {mention(standup.asked_by, self._accounts)}")
        return [context(cut(" · ".join(names), SECTION_TEXT))] if names else []

    def _topic(self, standup: Standup, topic: Topic) -> list[Block]:
        blocks = self._parts("topic", standup=standup, topic=topic, agenda=standup.agenda)
        if "decision" in standup.agenda:
            blocks += self._decision(standup, topic)
        return blocks

    def _decision(self, standup: Standup, topic: Topic) -> list[Block]:
        if topic.decision is not None:
            said = render(_decided(topic.decision), self._accounts)
            return [section(cut(f"*3. Decision*\n{said}", SECTION_TEXT))]
        if topic.closed:
            return [section(f"*3. Decision*\nNothing is left to decide: {escape(topic.closed)}")]
        if standup.ended_at is not None:
            return [section("*3. Decision*\nNobody decided; it went on by its plan.")]
        buttons = [_button(standup, topic, each) for each in topic.offered]
        asked = "*3. Decision*\nHow does it go on? Each button asks why, and does it."
        return [section(asked), *([actions(buttons)] if buttons else [])]

    def _next(self, standup: Standup) -> list[Block]:
        blocks = self._parts("actions", standup=standup, command=self._command)
        if standup.ended_at is not None:
            return blocks
        row = [button("Add an action", ADD, standup.id)]
        row += [
            button(
                f"{action.number} is done",
                f"{DONE}_{action.number}",
                f"{standup.id}:{action.number}",
                label=f"Done: {clean(action.text)}",
            )
            for action in standup.open_actions[:MOST_DONE]
        ]
        return [*blocks, actions(row)]

    def _parts(self, template: str, **facts: object) -> list[Block]:
        texts = self._texts(template, **facts)
        return [section(cut(render(text, self._accounts), SECTION_TEXT)) for text in texts]

    def _texts(self, template: str, **facts: object) -> list[str]:
        return self._words.parts(template, **facts)


def _title(standup: Standup) -> str:
    when = in_zone(standup.held_for, standup.zone)
    return clean(f"Standup of {standup.plan} · {when}")


def _decided(decision: Decision) -> str:
    who, what = f"@[{decision.person}]", DECIDED[decision.choice]
    return f"{who} decided to {what}, {token(decision.at)}: {decision.reason}"


def _button(standup: Standup, topic: Topic, each: Choice) -> Block:
    what = clean(f"{topic.service} {topic.version}")
    return button(
        _LABELS[each],
        f"standup_{each.value}",
        f"{standup.id}:{topic.rollout_id}",
        style=_STYLES.get(each, ""),
        label=f"{_LABELS[each]}: {what}",
    )


# --- forms ----------------------------------------------------------------------------------


def decision_form(standup: Standup, topic: Topic, each: Choice) -> Block:
    """The question for the reason of a decision."""
    what = f"{topic.service} {topic.version} in {topic.environment}: {DECIDED[each]}."
    why = {
        Choice.ROLLBACK: "Traffic goes back to the version before, as the plan's rule says.",
        Choice.NEXT_WAVE: "Traffic rises if the evidence allows it.",
        Choice.PAUSE: "Traffic stands still until somebody resumes it.",
        Choice.CONTINUE: "It stays in this wave; if it is paused, it goes on.",
    }[each]
    blocks = [
        section(f"{escape(clean(what))} {why}"),
        text_input(
            "reason",
            "Why",
            hint="It is said in the thread and kept in the audit.",
            multiline=True,
            focus=True,
            most=REASON_MOST,
        ),
    ]
    metadata = f"{standup.id}:{topic.rollout_id}:{each.value}"
    return modal(DECISION_FORM, "Decide", blocks, submit=_LABELS[each], metadata=metadata)


def add_form(standup: Standup, people: Iterable[str]) -> Block:
    """The form by which somebody adds an action. people: who can be named, by name."""
    options = [(name, name) for name in sorted(people)]
    blocks = [
        text_input("text", "What is to be done", focus=True, most=TEXT_MOST),
        *([choice("owner", "Who does it", options, optional=True)] if options else []),
    ]
    return modal(ADD_FORM, "Add an action", blocks, submit="Add", metadata=standup.id)
