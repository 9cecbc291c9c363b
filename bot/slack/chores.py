"""What people see of chores: what is to be done, by whom, since when, and who has done it."""

from collections.abc import Mapping

from bot.domain.chores import Chore, whom
from bot.ports import Message
from bot.slack.blocks import Block, actions, button, context, fit, section
from bot.slack.phases import token
from bot.slack.text import MESSAGE_TEXT, clean, cut, render

CHORE_DONE = "chore_done"


class ChoreCards:
    """Implements `bot.engine.chores.ChorePresenter`.

    accounts: person -> the account by which Slack names them.
    """

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self._accounts = accounts

    def chore(self, chore: Chore, round_: int, channel: str) -> Message:
        """One round of it, with the button by which somebody says that it is done."""
        state = render(self._state(chore, round_), self._accounts)
        often = f" · {chore.rule.words}" if chore.rule is not None else ""
        belongs = " ".join(word for word in (chore.service, chore.version) if word)
        where = clean(f"{belongs}{often} · {chore.id}".lstrip(" ·"))
        blocks: list[Block] = [
            section(f"*{render(chore.text, self._accounts)}*\n{state}"),
            context(where),
        ]
        if _open(chore, round_) and not chore.follows:
            label = f"Done: {clean(chore.text)}"
            value = f"{chore.id}:{round_}"
            blocks.append(actions([button("Done", CHORE_DONE, value, label=label)]))
        said = render(chore.text, self._accounts)
        stop = "" if said.endswith((".", "?", "!")) else "."
        text = cut(f"{said}{stop} {state}", MESSAGE_TEXT)
        return Message(channel, text, fit(blocks))

    def _state(self, chore: Chore, round_: int) -> str:
        if round_ < chore.round:
            return "Over: the next one has come, and nobody said that this one was done."
        if _open(chore, round_):
            tried = f" Its check says no: {chore.tried}." if chore.tried else ""
            missed = f" Not done the last {chore.missed} times." if chore.missed else ""
            if chore.follows:
                who = f" ({whom(chore)})" if chore.by else ""
                return f"Due since {token(chore.due_at)}{who}: it is done when {chore.follows}."
            return f"Due since {token(chore.due_at)}, for {whom(chore)}.{tried}{missed}"
        if chore.over:
            return f"Over: {chore.over}."
        note = f": {chore.note}" if chore.note else ""
        next_ = f" Next {token(chore.due_at)}." if chore.rule is not None else ""
        at = f", {token(chore.done_at)}" if chore.done_at is not None else ""
        return f"✓ @[{chore.done_by}]{at}{note}.{next_}"

    def line(self, text: str) -> Message:
        """One line under the message, or for one person."""
        said = cut(render(text, self._accounts), MESSAGE_TEXT) or "…"
        return Message("", said, [section(cut(said, 3000))])


def _open(chore: Chore, round_: int) -> bool:
    return chore.asked_at is not None and chore.ended_at is None and round_ == chore.round
