"""The card of a notice at every stage, its forms, and what customers read: fit for Slack."""

from typing import Any

import msgspec
import pytest

from bot.domain.notice import Letter, Notice, Stage, Tally, Words
from bot.domain.notice_facts import facts_of
from bot.ports import Announcement, Message
from bot.slack.notice_forms import back_form, edit_form, new_form
from bot.slack.notices import NoticeCards
from tests.blockkit import check_message, check_view
from tests.domain.notice_world import INCIDENT, MAINTENANCE, WRITING, Story
from tests.scenarios.reading import Shown

CARDS = NoticeCards({"mary": "U0MARY", "ada": "U0ADA"})
NASTY = "<!channel> & *all* of `them` @here <http://evil|x>"


def read(message: Message) -> Shown:
    blocks: list[dict[str, Any]] = [dict(block) for block in message.blocks]
    check_message({"channel": "C0", "text": message.text, "blocks": blocks})
    return Shown("C0", "1.0", message.text, blocks)


def at_stage(stage: Stage, **fields: Any) -> tuple[Notice, Letter]:
    story = Story(facts={"title": NASTY, "impact": NASTY})
    letter = msgspec.structs.replace(
        story.letter,
        stage=stage,
        tallies={"email en": Tally(3, 1, {"a@x.com": NASTY}), "slack en": Tally(1, 1)},
        flags=("`10.0.0.5` is the address of a machine",),
        approved_by=("ada",),
        **fields,
    )
    return story.notice, letter


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_is_fit_for_slack_and_mentions_nobody(stage: Stage) -> None:
    notice, letter = at_stage(stage)
    card = read(CARDS.letter(notice, letter, notice.created_at))
    assert "<!channel>" not in card.whole
    buttons = {
        Stage.DRAFT: {"publish_notice", "notice_edit", "notice_discard"},
        Stage.REVIEW: {"publish_notice", "notice_edit", "notice_send_back", "notice_discard"},
        Stage.FAILED: {"notice_retry"},
    }
    assert set(card.buttons) == buttons.get(stage, set())


def test_what_is_missing_takes_the_button_away_and_is_named() -> None:
    story = Story(facts={"title": "x"})
    card = read(CARDS.letter(story.notice, story.letter, story.now))
    assert "publish_notice" not in card.buttons
    assert "*impact*: it is not known" in card.whole


def test_what_failed_is_shown_by_its_place() -> None:
    notice, letter = at_stage(Stage.FAILED)
    card = read(CARDS.letter(notice, letter, notice.created_at))
    assert "*email en*: 1 of 3" in card.whole
    assert "✗ a@x.com: " in card.whole


def test_long_words_fit() -> None:
    notice, letter = at_stage(Stage.DRAFT, words=())
    long = Words("en", "a subject " * 40, "a line of a notice\n" * 900)
    card = read(
        CARDS.letter(notice, msgspec.structs.replace(letter, words=(long,)), notice.created_at)
    )
    assert "publish_notice" in card.buttons
    said = Announcement(
        event="n1",
        sequence=0,
        kind="incident",
        status="resolved",
        service="",
        title="x",
        subject=long.subject,
        text=long.text,
    )
    read(CARDS.published(said, "C0"))


def test_asking_reminding_and_paging_are_fit_for_slack() -> None:
    notice, letter = at_stage(Stage.REVIEW)
    assert "asks you to approve" in read(CARDS.ask(notice, letter, "https://x.test/1", True)).text
    read(CARDS.page(notice, NASTY, "C0", "https://x.test/1"))
    read(CARDS.line(notice, NASTY))


@pytest.mark.parametrize("kind", [MAINTENANCE, INCIDENT])
def test_the_forms_are_fit_for_slack(kind: str) -> None:
    check_view(new_form(kind, ("checkout",), ("Europe/Berlin",), f"{kind}:C0"))
    check_view(new_form(kind, (), (), f"{kind}:C0"))
    story = Story(kind)
    facts = facts_of(story.notice, story.letter, WRITING)
    check_view(edit_form(story.notice, story.letter, facts, "n1:0"))
    check_view(back_form(story.notice, "n1:0"))
