"""What people see of a release after 100 %: a small card of its own, its thread, and who signs."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from bot.domain.after_plan import Group, Signoff, in_words
from bot.domain.after_state import (
    Aftercare,
    ItemState,
    Stage,
    before_signing,
    item_state,
    judged,
    opened,
    questions,
    signed,
    unblocked,
    unsettled,
)
from bot.domain.after_words import missing, span, stands, table, token, whom
from bot.domain.aftercare import following
from bot.domain.conditions import Condition
from bot.domain.policy import DIGEST_SHOWN, ActionButton, ButtonValue, Press
from bot.ports import Message
from bot.slack.blocks import (
    Block,
    actions,
    button,
    context,
    fit,
    header,
    modal,
    section,
    text_input,
)
from bot.slack.buttons import link_row, question_rows
from bot.slack.text import MESSAGE_TEXT, bold, clean, clock, cut, escape, mention, quote, render

SIGN_OFF = "sign_off"
DECLINE = "decline_sign_off"
DECLINE_FORM = "sign_off_decline"

QUESTIONS = 5
"""How many questions have their buttons on the card at a time."""

LINE = 280
Accounts = Mapping[str, str]

_SIGNS = {
    ItemState.UPCOMING: "○",
    ItemState.MEASURING: "…",
    ItemState.OPEN: "○",
    ItemState.DONE: "✓",
    ItemState.FAILED: "✗",
}
_STAGES = {
    Stage.OPEN: "after the release",
    Stage.PASSED: "done",
    Stage.SUPERSEDED: "closed: another version took its place",
    Stage.TAKEN_BACK: "closed: taken back",
}


class AftercareCards:
    """The presenter of aftercares. accounts: person -> the account by which Slack names them."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def card(self, care: Aftercare, now: datetime) -> Message:
        """The one card of an aftercare, as it is now."""
        head = f"{named(care)}: {_STAGES[care.phase]}. {stands(care, now, following(care))}"
        text = cut(render(head, self._accounts), MESSAGE_TEXT)
        return Message(care.channel, text, fit(self._blocks(care, now)))

    def thread(self, care: Aftercare, text: str) -> Message:
        """Something said under the card, or to one person."""
        said = cut(render(text, self._accounts), MESSAGE_TEXT) or "…"
        return Message(care.channel, said, [section(cut(said, 3000))])

    def ask(
        self, care: Aftercare, signoff: str, permalink: str, reminder: bool, now: datetime
    ) -> Message:
        """The direct message to somebody who could sign."""
        word = "Still waiting for your signature" if reminder else "Your signature is asked for"
        what = f"Sign-off {in_words(signoff)} of {named(care)}"
        more = render(stands(care, now, following(care)), self._accounts)
        blocks = [
            header(what),
            section(f"{bold(word)}. {more}"),
            *link_row(permalink, "Look and sign"),
        ]
        return Message("", cut(f"{render(f'{word}: {what}', {})}. {more}", MESSAGE_TEXT), blocks)

    def page(self, care: Aftercare, text: str, channel: str, permalink: str = "") -> Message:
        """A call for somebody to look now."""
        said = render(text, self._accounts)
        head = f"Look now: {named(care)}"
        blocks = [
            header(head),
            section(cut(said, 3000) or head),
            context("After the release: the old version is no longer installed beside it."),
            *link_row(permalink),
        ]
        return Message(channel, cut(f"{render(head, {})}. {said}", MESSAGE_TEXT), blocks)

    # -- the card ----------------------------------------------------------------------------

    def _blocks(self, care: Aftercare, now: datetime) -> list[Block]:
        where = render(stands(care, now, following(care)), self._accounts)
        blocks = [header(f"{named(care)} · {_STAGES[care.phase]}"), section(where)]
        if care.unseen:
            blocks.append(section(f"*Can't be verified now:* {quote(care.unseen, 600)}"))
        blocks += [section(cut(text, 3000)) for text in self._groups(care)]
        if care.results:
            blocks.append(section(cut(render(table(care.results), self._accounts), 3000)))
        return [*blocks, *_questions(care), *_signing(care), self._updated(care, now)]

    def _groups(self, care: Aftercare) -> Iterator[str]:
        for group in care.after.groups:
            lines = [self._heading(care, group)]
            if opened(care, group) and not (judged(care, group) and _all_fine(care, group)):
                lines += [self._item(care, group, item) for item in group.items]
            yield "\n".join(lines)

    def _heading(self, care: Aftercare, group: Group) -> str:
        if isinstance(group, Signoff):
            return self._signature(care, group)
        name = f"Verification {in_words(group.id)}"
        fine = judged(care, group) and _all_fine(care, group)
        sign = "✓" if fine else ("✗" if _failed(care, group) else "○")
        return f"{sign} {bold(name)} {escape(span(group))}{_count(care, group)}"

    def _signature(self, care: Aftercare, signoff: Signoff) -> str:
        name = bold(f"Sign-off {in_words(signoff.id)}")
        request = care.requests.get(signoff.id)
        if request is not None and request.complete:
            who = ", ".join(mention(s.person, self._accounts) for s in request.signatures)
            return f"✓ {name} by {who}, {clock(request.signatures[-1].at)}"
        no = care.declined.get(signoff.id)
        if no is not None:
            who = mention(no.person, self._accounts)
            return f"✗ {name} declined by {who}, {clock(no.at)}: {quote(no.evidence, 200)}"
        due = render(token(care.created_at + signoff.due), self._accounts)
        first = f", after {escape(in_words(signoff.after))}"
        then = "" if unblocked(care, signoff) else first
        by = escape(whom(missing(care, signoff)))
        return f"○ {name} {'since' if request is not None else 'from'} {due}{then}: {by}"

    def _item(self, care: Aftercare, group: Group, item: Condition) -> str:
        sign = _SIGNS[item_state(care, group, item)]
        line = f"   {sign} {escape(item.text)}{' (optional)' if item.optional else ''}"
        tick, finding = care.answer(item.id), care.findings.get(item.id)
        if finding is not None and item.kind == "if":
            line += f": {escape(finding.shown)}"
        if tick is not None:
            rest = f", {quote(tick.evidence, 120)}" if tick.evidence else ""
            line += f" by {mention(tick.person, self._accounts)}, {clock(tick.at)}{rest}"
        elif item.by:
            line += f" ({escape(whom(item.by))})"
        return cut(line, LINE)

    def _updated(self, care: Aftercare, now: datetime) -> Block:
        text = f"Release `{care.id}` · updated {token(now)}"
        if care.next_check_at is not None:
            text += f" · next look {token(max(care.next_check_at, now))}"
        return context(render(text, self._accounts))


def named(care: Aftercare) -> str:
    """An aftercare in plain text: service, version, environment."""
    return clean(f"{care.service} {care.version} in {care.environment}")


def _all_fine(care: Aftercare, group: Group) -> bool:
    return opened(care, group) and not unsettled(care, group)


def _failed(care: Aftercare, group: Group) -> bool:
    return any(item_state(care, group, item) is ItemState.FAILED for item in group.items)


def _count(care: Aftercare, group: Group) -> str:
    if not opened(care, group):
        return ""
    fine = sum(item_state(care, group, item) is ItemState.DONE for item in group.items)
    return f": {fine} of {len(group.items)} fine"


# --- what can be pressed --------------------------------------------------------------------


def _questions(care: Aftercare) -> list[Block]:
    """The open questions with their buttons; what was measured takes a reason, which is typed."""
    rows: list[Block] = []
    asked = [item for _, item in questions(care) if item.kind != "if" and not care.answer(item.id)]
    for item in asked[:QUESTIONS]:
        rows += question_rows(
            item.text, item.by, _answer(care, item, "yes"), _answer(care, item, "no")
        )
    return rows


def _answer(care: Aftercare, item: Condition, word: str) -> ActionButton:
    return ActionButton(Press.TICK_ITEM, ButtonValue(care.id, argument=f"{word}:{item.id}"))


def _signing(care: Aftercare) -> list[Block]:
    rows: list[Block] = []
    for signoff in care.after.signoffs:
        request = care.requests.get(signoff.id)
        if care.ended or request is None or signed(care, signoff):
            continue
        value = ButtonValue(
            care.id, request.digest[:DIGEST_SHOWN], request.generation, signoff.id
        ).encode()
        name = in_words(signoff.id)
        ready = not before_signing(care, signoff)
        sign = button(
            f"Sign {name}", SIGN_OFF, value, style="primary", label=f"Sign {name}: {named(care)}"
        )
        no = button(f"Decline {name}", DECLINE, value, label=f"Decline {name}: {named(care)}")
        rows.append(actions([sign, no] if ready else [no]))
    return rows


def decline_form(care: Aftercare, signoff: str) -> Block:
    """The question for the reason of a refusal."""
    blocks = [
        section(escape(f"{named(care)}: sign-off {in_words(signoff)} is not given.")),
        text_input(
            "reason",
            "Reason",
            hint="It is told to the channel and kept. It can still be signed later.",
            multiline=True,
            most=1000,
        ),
    ]
    metadata = f"{care.id}:{signoff}"
    return modal(DECLINE_FORM, "Decline", blocks, submit="Decline", metadata=metadata)
