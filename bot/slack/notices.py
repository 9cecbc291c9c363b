"""What people see of notices: the card with its preview, its buttons, and the published word.

The card shows the words exactly as they will go out, what is in the way of that, what to look at
once more, and what became of it at each destination.
"""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.notice import OPEN, Letter, Notice, Stage, Tally, Words
from bot.domain.notice_facts import CHART
from bot.domain.policy import DIGEST_SHOWN, ButtonValue
from bot.engine.notices import Preview, nowhere
from bot.ports import Announcement, Message
from bot.slack.blocks import Block, actions, button, confirm, context, divider, fit, header, section
from bot.slack.buttons import link_row
from bot.slack.phases import token
from bot.slack.text import MESSAGE_TEXT, bold, clean, cut, escape, render

PUBLISH = "publish_notice"
EDIT = "notice_edit"
DISCARD = "notice_discard"
RETRY = "notice_retry"
SEND_BACK = "notice_send_back"

_PART = 2900
_STAGES: Mapping[Stage, str] = {
    Stage.DRAFT: "draft",
    Stage.REVIEW: "waits for approval",
    Stage.APPROVED: "approved",
    Stage.PUBLISHING: "is being published",
    Stage.PUBLISHED: "published",
    Stage.FAILED: "not published everywhere",
    Stage.DISCARDED: "discarded",
    Stage.SUPERSEDED: "superseded",
}
_MOST_FAILED = 5


class NoticeCards:
    """Implements `bot.engine.notice_work.NoticePresenter`.

    accounts: person -> the account by which Slack names them. preview: see `Publishing`.
    """

    def __init__(self, accounts: Mapping[str, str], preview: Preview = nowhere) -> None:
        self._accounts = accounts
        self._preview = preview

    def letter(self, notice: Notice, letter: Letter, now: datetime) -> Message:
        """The living card of one message."""
        head = f"Notice, {occasion_words(letter)}: {_STAGES[letter.stage]}"
        text = f"{escape(head)}. {escape(letter.main.subject)}"
        blocks = [header(head), section(self._state(notice, letter))]
        if letter.stage in {Stage.DISCARDED, Stage.SUPERSEDED}:
            blocks.append(context(escape(letter.main.subject or notice.title)))
        else:
            blocks += [divider(), *preview(letter.main), divider()]
            blocks += [*self._looks(notice, letter, now), *self._rest(notice, letter)]
        blocks.append(context(render(_small_print(notice, letter, now), self._accounts)))
        return Message(notice.channel, cut(text, MESSAGE_TEXT), fit(blocks))

    def line(self, notice: Notice, text: str) -> Message:
        """One line under a card, or to one person."""
        said = cut(render(text, self._accounts), MESSAGE_TEXT) or "…"
        return Message(notice.channel, said, [section(cut(said, 3000))])

    def ask(self, notice: Notice, letter: Letter, permalink: str, reminder: bool) -> Message:
        """A direct message to somebody who could approve."""
        who = render(f"@[{letter.authors[-1]}]", self._accounts)
        again = "Still waiting: " if reminder else ""
        what = f"{bold(letter.main.subject)} ({escape(place(notice))})"
        text = f"{again}{who} asks you to approve a notice to customers: {what}"
        return Message(
            "", cut(text, MESSAGE_TEXT), [section(cut(text, 3000)), *link_row(permalink)]
        )

    def page(self, notice: Notice, text: str, channel: str, permalink: str) -> Message:
        """Something that somebody must look at now."""
        head = f"Look now: the notice about {clean(notice.title)}"
        said = render(text, self._accounts)
        blocks = [header(head), section(said), *link_row(permalink)]
        return Message(channel, cut(f"{escape(head)}. {said}", MESSAGE_TEXT), blocks)

    def published(self, announcement: Announcement, channel: str) -> Message:
        """What customers read in a Slack channel."""
        words = Words(announcement.language, announcement.subject, announcement.text)
        text = f"{escape(words.subject)}\n{escape(words.text.strip())}"
        return Message(channel, cut(text, MESSAGE_TEXT), fit(preview(words)))

    # --- parts of the card ------------------------------------------------------------------

    def _state(self, notice: Notice, letter: Letter) -> str:
        authors = " and ".join(f"@[{person}]" for person in letter.authors)
        match letter.stage:
            case Stage.DRAFT:
                text = f"Written by {authors}. It goes out when somebody else has approved it."
            case Stage.REVIEW:
                text = f"Written by {authors}. {_open_words(letter)}"
            case Stage.DISCARDED | Stage.SUPERSEDED:
                text = f"Not sent: {letter.note or letter.stage.value}."
            case _:
                signed = " and ".join(f"@[{person}]" for person in letter.approved_by)
                at = f", {token(letter.approved_at)}" if letter.approved_at else ""
                text = f"Written by {authors}, approved by {signed}{at}."
        return (
            render(text, self._accounts) + f"\nAbout {bold(notice.title)} ({escape(place(notice))})"
        )

    def _looks(self, notice: Notice, letter: Letter, now: datetime) -> list[Block]:
        """The way to the page that shows it as a mail, and what is to be seen there alone."""
        url = self._preview(notice.id, letter.number, now)
        parts = ["With a picture of how the release went."] if letter.facts.get(CHART) else []
        if url and letter.words:
            parts.append(f"<{url}|How it looks as a mail> (text and HTML, for a week)")
        return [context(" ".join(parts))] if parts else []

    def _rest(self, notice: Notice, letter: Letter) -> list[Block]:
        blocks: list[Block] = []
        if len(letter.words) > 1:
            others = ", ".join(words.language for words in letter.words[1:])
            blocks.append(context(f"Also written in: {escape(others)}"))
        if letter.open and letter.problems:
            lines = [f"• *{escape(p.field)}*: {escape(p.text)}" for p in letter.problems]
            blocks.append(section(cut("\n".join(["*It can't go out yet:*", *lines]), 3000)))
        if letter.open and letter.flags:
            lines = [f"• {escape(flag)}" for flag in letter.flags]
            head = "*Should customers read this?*"
            blocks.append(section(cut("\n".join([head, *lines]), 3000)))
        if letter.tallies:
            lines = [_tally(by, tally) for by, tally in sorted(letter.tallies.items())]
            blocks.append(section(cut("\n".join(lines), 3000)))
        return [*blocks, *_buttons(notice, letter)]


def occasion_words(letter: Letter) -> str:
    """Which message it is: `in progress`."""
    return letter.occasion.replace("_", " ")


def place(notice: Notice) -> str:
    """What a notice is about, by kind, id and service."""
    where = f", {notice.service}" if notice.service else ""
    return f"{notice.kind} {notice.id}{where}"


def preview(words: Words) -> list[Block]:
    """The words as they look in Slack."""
    body = escape(words.text.strip())
    parts = _parts(body) or ["…"]
    return [section(bold(words.subject) or "…"), *(section(part) for part in parts)]


def _parts(text: str) -> list[str]:
    """Text in pieces that fit into a section, broken at the ends of lines."""
    found: list[str] = []
    piece = ""
    for line in text.split("\n"):
        line = cut(line, _PART)
        if len(piece) + len(line) + 1 > _PART:
            found.append(piece)
            piece = ""
        piece = f"{piece}\n{line}" if piece else line
    return [*found, piece] if piece.strip() else found


def _open_words(letter: Letter) -> str:
    request = letter.request
    if request is None:
        return ""
    seats = [seat for seat in request.missing if seat != "*"]
    whom = f" by {' and '.join(seats)}" if seats else ""
    return f"It waits for approval{whom} until {token(request.expires_at)}."


def _small_print(notice: Notice, letter: Letter, now: datetime) -> str:
    parts = [f"`{notice.id}` message {letter.number}"]
    if letter.digest:
        parts.append(f"text `{letter.digest[:8]}`")
    if letter.open and letter.promised_at is not None:
        parts.append(f"promises the next update {token(letter.promised_at)}")
    if notice.due_at is not None and notice.newest == letter:
        late = "was" if notice.due_at < now else "is"
        parts.append(f"the next word {late} due {token(notice.due_at)}")
    return " · ".join(parts)


def _tally(by: str, tally: Tally) -> str:
    sign = "✗" if tally.failed else ("…" if tally.waiting or tally.more else "✓")
    where = f" <{tally.link}|open>" if tally.link.startswith("https://") else ""
    more = " and more" if tally.more else ""
    line = f"{sign} *{escape(by)}*: {tally.done} of {tally.total}{more}{where}"
    shown = list(tally.failed.items())[:_MOST_FAILED]
    failed = [f"   ✗ {escape(': '.join(filter(None, each)))}" for each in shown]
    rest = len(tally.failed) - len(shown)
    return "\n".join([line, *failed, *([f"   … and {rest} more"] if rest else [])])


# --- what can be pressed --------------------------------------------------------------------


def value_of(notice: Notice, letter: Letter) -> str:
    """What a button of a letter carries."""
    shown = letter.digest[:DIGEST_SHOWN]
    return ButtonValue(notice.id, shown, letter.generation, str(letter.number)).encode()


def _buttons(notice: Notice, letter: Letter) -> list[Block]:
    value = value_of(notice, letter)
    label = clean(f"{occasion_words(letter)} of {notice.title}")
    if letter.stage is Stage.FAILED:
        return [actions([button("Try again", RETRY, value, label=f"Try again: {label}")])]
    if letter.stage not in OPEN:
        return []
    row = [] if letter.problems else [_publish(notice, letter, value)]
    row += [
        button("Edit", EDIT, value, label=f"Edit: {label}"),
    ]
    if letter.stage is Stage.REVIEW:
        row.append(button("Send back", SEND_BACK, value, label=f"Send back: {label}"))
    row.append(button("Discard", DISCARD, value, label=f"Discard: {label}"))
    return [actions(row)]


def _publish(notice: Notice, letter: Letter, value: str) -> Block:
    flags = f" {len(letter.flags)} things should be looked at once more." if letter.flags else ""
    question = confirm(
        "Publish this notice?",
        clean(
            f"{letter.main.subject} It goes to customers at once when somebody other than its "
            f"author has approved it.{flags}"
        ),
        "Publish",
        "Not yet",
    )
    text = "Approve and publish" if letter.stage is Stage.REVIEW else "Publish"
    label = clean(f"{text}: {notice.title}")
    return button(text, PUBLISH, value, style="primary", confirm=question, label=label)
