"""The card of what follows a release: what it says, what can be pressed, and Slack's rules."""

from datetime import timedelta
from typing import Any

from bot.domain.events import ItemTicked
from bot.domain.people import Actor
from bot.domain.policy import answer_of, decode
from bot.ports import Message
from bot.slack.aftercare import DECLINE, SIGN_OFF, AftercareCards, decline_form
from tests.blockkit import check_message, check_view
from tests.domain.aftercare_world import DAY, LEAD, QA, Story, plan
from tests.scenarios.reading import Shown, texts

CARDS = AftercareCards({"quinn": "U0QA", "lead": "U0LEAD"})
NASTY = "<!channel> & *all* of `them` @here <http://evil|x>"
MINUTE = timedelta(minutes=1)

VERIFY = [
    {
        "id": "first",
        "from": "0m",
        "until": "15m",
        "items": [
            {"if": "error_rate < 1%"},
            {"id": "seen", "attest": NASTY, "by": ["qa"]},
            {"id": "nice", "attest": "Nice?", "optional": True},
        ],
    }
]
SIGNOFF = [
    {
        "id": "day1",
        "after": "24h",
        "by": ["release_manager", "qa"],
        "items": [{"id": "happy", "attest": "Happy?"}],
    }
]


def story() -> Story:
    return Story(plan(verify=VERIFY, signoffs=SIGNOFF, success=["error_rate < 2%", "cost < 300"]))


def shown(the: Story) -> Shown:
    """The card as a person reads it, held against Slack's rules."""
    return read(CARDS.card(the.care, the.now))


def read(message: Message) -> Shown:
    blocks: list[dict[str, Any]] = [dict(block) for block in message.blocks]
    check_message({"channel": "C0", "text": message.text, "blocks": blocks})
    return Shown("C0", "1.0", message.text, blocks)


def test_the_card_says_the_day_what_is_next_and_what_is_open() -> None:
    the = story()
    the.wait(2 * MINUTE)
    card = shown(the)
    assert "Day 1 of 1. Next: end of verification first <!date^" in card.text
    assert "*Verification first* 0s to 15m: 0 of 3 fine" in card.whole
    assert "… error_rate &lt; 1%: 0% of" in card.whole
    assert card.buttons == ["tick_item"] * 4


def test_what_a_plan_or_a_person_wrote_is_shown_literally() -> None:
    the = story()
    the.happens(ItemTicked(QA, "seen", False, NASTY))
    card = shown(the)
    assert "<!channel>" not in card.whole
    assert "<http://evil" not in card.whole
    assert "&lt;!channel&gt; &amp;" in card.whole


def test_a_buttons_value_leads_back_to_its_item() -> None:
    the = story()
    the.wait(MINUTE)
    value = decode(shown(the).values("tick_item")[0])
    assert (value.rollout_id, answer_of(value.argument)) == (the.care.id, ("seen", True))


def test_an_answer_stands_with_who_and_when_in_place_of_its_buttons() -> None:
    the = story()
    the.answer("seen", evidence="with my own eyes")
    card = shown(the)
    assert "by <@U0QA>, <!date^" in card.whole
    assert "with my own eyes" in card.whole
    assert len(card.values("tick_item")) == 2


def test_what_is_over_and_fine_takes_one_line() -> None:
    the = story()
    the.answer_all(QA)
    the.wait(16 * MINUTE)
    assert "✓ *Verification first* 0s to 15m: 3 of 3 fine" in shown(the).whole
    assert "Nice?" not in shown(the).whole


def test_sign_appears_when_everything_before_it_is_done_and_decline_always() -> None:
    the = story()
    the.answer_all(QA)
    the.wait(DAY)
    assert shown(the).buttons[-1:] == [DECLINE]
    assert SIGN_OFF not in shown(the).buttons
    the.answer_all(QA)
    assert shown(the).buttons == [SIGN_OFF, DECLINE]
    the.sign("day1", LEAD)
    assert "since" in shown(the).whole
    assert ": qa" in shown(the).whole
    the.sign("day1", QA)
    assert shown(the).buttons == []
    assert "*Sign-off day1* by <@U0LEAD>, <@U0QA>" in shown(the).whole
    assert "? cost &lt; 300: not known here" in shown(the).whole


def test_requests_pages_posts_and_the_form_keep_slacks_rules() -> None:
    the = story()
    the.wait(DAY)
    for message in (
        CARDS.ask(the.care, "day1", "https://x.test/1", reminder=True, now=the.now),
        CARDS.ask(the.care, "day1", "", reminder=False, now=the.now),
        CARDS.page(the.care, NASTY * 200, "C0", "https://x.test/1"),
        CARDS.thread(the.care, NASTY * 200),
        CARDS.thread(the.care, ""),
    ):
        read(message)
    form = decline_form(the.care, "day1")
    check_view(form)
    assert form["private_metadata"] == f"{the.care.id}:day1"


def test_a_card_with_very_many_items_is_cut_and_says_so() -> None:
    items = [{"id": f"item-{n}", "attest": f"{n} " + "long " * 60} for n in range(60)]
    many = [
        {"id": f"w{n}", "from": "0m", "until": "1h", "items": items[n : n + 1]} for n in range(60)
    ]
    the = Story(plan(verify=many))
    card = shown(the)
    assert "more parts do not fit here" in card.whole
    assert texts("", card.blocks)


def test_who_declined_and_why_is_on_the_card() -> None:
    from bot.domain.after_state import SignoffDeclined

    the = story()
    the.wait(DAY)
    the.happens(SignoffDeclined(Actor("lead", "U0LEAD", ("release_manager",)), "day1", NASTY))
    assert "declined by <@U0LEAD>" in shown(the).whole
    assert "<!channel>" not in shown(the).whole
