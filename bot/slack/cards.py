"""What people see of a rollout: the living card, its thread, requests to sign, pages.

Everything is a pure function of a rollout and an instant. Text and blocks go together, and the
text alone says it all: it is what a notification and a screen reader have.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.approvals import Request
from bot.domain.policy import legal_actions
from bot.domain.rollout import Phase, Rollout
from bot.domain.units import format_duration, format_weight
from bot.engine.presenting import Errand
from bot.ports import Message, Posted
from bot.slack import checklists, going_on, sections
from bot.slack.at_a_glance import glance
from bot.slack.blocks import Block, context, fit, header, section
from bot.slack.buttons import action_rows, link_row, named
from bot.slack.home import home_view
from bot.slack.phases import clock_line, phase_name, token, what_next
from bot.slack.reported import reported
from bot.slack.text import MESSAGE_TEXT, bold, clean, cut, quote, render

_WHY = frozenset(
    {
        Phase.PAUSED,
        Phase.HALTED,
        Phase.ROLLING_BACK,
        Phase.ROLLED_BACK,
        Phase.STEPPING_BACK,
        Phase.REJECTED,
        Phase.EXPIRED,
        Phase.CANCELLED,
        Phase.COMPLETED,
        Phase.QUEUED,
        Phase.JUDGING,
        Phase.AWAITING_APPROVAL,
        Phase.PREFLIGHT,
        Phase.WATCHING,
    }
)
"""Phases whose reason is said on the card."""


def _no_address(_card: Posted) -> str:
    return ""


class Cards:
    """The presenter of rollouts.

    accounts: person -> the account by which Slack names them. address: of a message, for links.
    """

    def __init__(
        self,
        accounts: Mapping[str, str],
        address: Callable[[Posted], str] = _no_address,
    ) -> None:
        self._accounts = accounts
        self._address = address

    def card(self, rollout: Rollout, now: datetime) -> Message:
        """The one card of a rollout, as it is now."""
        return Message(rollout.channel, self._headline(rollout), fit(self._card(rollout, now)))

    def thread(self, rollout: Rollout, text: str) -> Message:
        """Something said in the card's thread."""
        said = cut(render(text, self._accounts), MESSAGE_TEXT) or "…"
        return Message(rollout.channel, said, [section(cut(said, 3000))])

    def ask(
        self, rollout: Rollout, purpose: str, permalink: str, reminder: bool, now: datetime
    ) -> Message:
        """The direct message to somebody who could sign; whoever sends it fills the channel in.

        purpose: release or rollback.
        """
        request = rollout.rollback_request if purpose == "rollback" else rollout.request
        what = "rollback" if purpose == "rollback" else "release"
        word = "Still waiting for your signature" if reminder else "Your signature is asked for"
        by = render(self._asked_by(rollout, purpose), self._accounts)
        more = render(_still_open(request, now), self._accounts)
        title = f"{word}: {what} of {named(rollout)}"
        text = f"{render(title, {})}. {by} {more}"
        return Message(
            "",
            cut(text, MESSAGE_TEXT),
            fit(
                [
                    header(f"{what.capitalize()} of {named(rollout)}"),
                    section(f"{bold(word)}. {by} {more}"),
                    *sections.note(rollout),
                    *(checklists.request_words(rollout) if purpose == "release" else ()),
                    context(sections.artifact_words(rollout)),
                    *self._how_to_sign(permalink),
                ]
            ),
        )

    def page(self, rollout: Rollout, text: str, channel: str, permalink: str = "") -> Message:
        """A call for somebody to look now."""
        said = render(text, self._accounts)
        head = render(f"Look now: {named(rollout)}", {})
        blocks = [
            header(f"Look now: {named(rollout)}"),
            section(said or head),
            context(f"{phase_name(rollout)} · {self._place(rollout)}"),
            *link_row(permalink),
        ]
        return Message(channel, cut(f"{head}. {said}", MESSAGE_TEXT), blocks)

    def notice(self, text: str, channel: str) -> Message:
        """Something said in a channel that belongs to no card."""
        said = cut(render(text, self._accounts), MESSAGE_TEXT) or "…"
        return Message(channel, said, [section(cut(said, 3000))])

    def home(
        self,
        user_id: str,
        person: str,
        waiting: Sequence[Rollout],
        live: Sequence[Rollout],
        recent: Sequence[Rollout],
        now: datetime,
        cards: Mapping[str, Posted] = {},
        errands: Sequence[Errand] = (),
    ) -> Mapping[str, Any]:
        """A person's Home tab."""
        return home_view(
            person or user_id,
            waiting,
            live,
            recent,
            now,
            accounts=self._accounts,
            links={rollout_id: self._address(card) for rollout_id, card in cards.items()},
            errands=[(e, self._address(e.card) if e.card else "") for e in errands],
        )

    # -- the card ----------------------------------------------------------------------------

    def _card(self, rollout: Rollout, now: datetime) -> list[Block]:
        return [
            header(f"{title(rollout)} · {phase_name(rollout)}"),
            sections.identity(rollout, self._accounts),
            *sections.note(rollout),
            *checklists.request_words(rollout),
            *self._why(rollout),
            *sections.in_the_way(rollout, self._accounts, now),
            *sections.traffic(rollout),
            *glance(rollout, now),
            self._clock(rollout, now),
            *going_on.wave_facts(rollout, now),
            *going_on.left_out_words(rollout),
            *going_on.served_words(rollout),
            *going_on.dashboard(rollout),
            *sections.gates(rollout, self._accounts),
            *sections.triggers(rollout),
            *reported(rollout),
            *sections.questions(rollout),
            *going_on.choices(rollout),
            *checklists.on_card(rollout),
            *sections.signatures(rollout, self._accounts),
            *action_rows(rollout, legal_actions(rollout)),
            self._updated(rollout, now),
        ]

    def _why(self, rollout: Rollout) -> list[Block]:
        """Why it stands where it stands, in a sentence; and what is in the way."""
        lines = []
        if rollout.phase is Phase.ROLLED_BACK and rollout.rollback_reason:
            lines.append(f"*Why:* {render(rollout.rollback_reason, self._accounts)}")
            lines.append(render(rollout.reason, self._accounts))
        elif rollout.reason and rollout.phase in _WHY:
            lines.append(f"*Why:* {render(rollout.reason, self._accounts)}")
        asked_back = rollout.rollback_request is not None
        if asked_back and rollout.rollback_reason not in rollout.reason:
            lines.append(f"*Rollback:* {render(rollout.rollback_reason, self._accounts)}")
        if rollout.drift and rollout.drift not in rollout.reason:
            lines.append(f"*Drift:* {render(rollout.drift, self._accounts)}")
        if rollout.op_trouble and rollout.op_trouble not in rollout.reason:
            trouble = quote(rollout.op_trouble, 600)
            lines.append(f"*The target makes trouble:* {trouble}. It is tried again.")
        return [section("\n".join(lines))] if lines else []

    def _clock(self, rollout: Rollout, now: datetime) -> Block:
        fine = rollout.phase is Phase.SOAKING and sections.minutes_matter(rollout.soak_needed)
        clock = render(clock_line(rollout, now), self._accounts, seconds=fine)
        following = render(what_next(rollout), self._accounts)
        return section(f"{bold(phase_name(rollout))}. {clock}\n{following}")

    def _updated(self, rollout: Rollout, now: datetime) -> Block:
        text = f"Updated {token(now)}"
        if rollout.next_check_at is not None and not rollout.ended:
            text += f" · next look {token(max(rollout.next_check_at, now))}"
        return context(render(text, self._accounts, seconds=True))

    def _headline(self, rollout: Rollout) -> str:
        """The card in a few sentences."""
        parts = [f"{title(rollout)}: {phase_name(rollout).lower()}{_at(rollout)}."]
        if rollout.reason and rollout.phase in _WHY:
            parts.append(rollout.reason)
        if rollout.findings and rollout.live:
            parts.append("; ".join(f"{f.text}: {f.shown}" for f in rollout.findings) + ".")
        waiting = sections.open_questions(rollout)
        if waiting:
            parts.append(f"{waiting} to be answered by a person.")
        parts.append(what_next(rollout))
        return cut(render(" ".join(parts), self._accounts), MESSAGE_TEXT)

    # -- words -------------------------------------------------------------------------------

    def _asked_by(self, rollout: Rollout, purpose: str) -> str:
        if purpose == "rollback":
            return f"{rollout.rollback_reason or 'A rollback was asked for'}."
        return f"@[{rollout.requested_by.person}] asks to release {clean(rollout.version)}."

    def _place(self, rollout: Rollout) -> str:
        return f"<#{rollout.channel}>" if rollout.channel.startswith(("C", "G")) else ""

    def _how_to_sign(self, permalink: str) -> list[Block]:
        if permalink:
            return link_row(permalink, "Look and sign")
        return [context("Sign on the card in the release's channel.")]


def title(rollout: Rollout) -> str:
    """Service, version and environment on one line, in plain text."""
    return clean(f"{rollout.service} {rollout.version} → {rollout.environment}")


def _still_open(request: Request | None, now: datetime) -> str:
    if request is None:
        return "It is decided already."
    left = format_duration(max(request.expires_at - now, timedelta()))
    return f"{len(request.missing)} more to sign, until {token(request.expires_at)} ({left} left)."


def _at(rollout: Rollout) -> str:
    if rollout.weight <= 0 or rollout.ended:
        return ""
    place = f"wave {rollout.wave + 1} of {len(rollout.the_plan.waves)}"
    return f" at {format_weight(rollout.weight)} ({place})"
