"""The card of an incident, its runbook, its post-mortem and its forms keep Slack's rules."""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.incident import Acknowledged, ActionAdded, Drafted, Noted, Resolved, TicketOpened
from bot.domain.incident_terms import Severity
from bot.domain.response import StepState
from bot.ports import Message
from bot.slack import incident_forms as forms
from bot.slack.incidents import IncidentCards
from tests.blockkit import check_message, check_view
from tests.domain.builders import ADA
from tests.domain.test_incidents import Story
from tests.scenarios.reading import Shown

CARDS = IncidentCards({"ada": "U0ADA", "grace": "U0GRACE"})
NASTY = "<!channel> & *all* of `them` @here <http://evil|x>"


def read(message: Message) -> Shown:
    blocks: list[dict[str, Any]] = [dict(block) for block in message.blocks]
    check_message({"channel": "C0", "text": message.text, "blocks": blocks})
    assert "<!channel>" not in message.text
    return Shown("C0", "1.0", message.text, blocks)


def card(story: Story) -> Shown:
    return read(CARDS.card(story.is_, story.now))


@pytest.mark.parametrize("severity", list(Severity))
def test_the_card_keeps_slacks_rules_whatever_people_write(severity: Severity) -> None:
    story = Story(severity, said=NASTY * 40, steps=(StepState(NASTY),))
    story.is_ = story.is_.__class__(**{**_fields(story), "title": NASTY * 9})
    for _ in range(40):
        story.then(Noted(ADA, NASTY))
    story.then(TicketOpened("OPS-7", "https://tickets.example/7"))
    shown = card(story)
    assert "OPS-7" in shown.whole
    read(CARDS.runbook(story.is_))
    read(CARDS.call(story.is_, NASTY, "C0", "https://slack.test/1"))
    story.then(Resolved(ADA, NASTY)).then(Drafted(f"{NASTY}\n\n" * 70))
    read(CARDS.post_mortem(story.is_))
    card(story)


def test_the_headline_of_a_post_mortem_shows_no_marks_of_code() -> None:
    story = Story()
    story.then(Resolved(ADA, "v1.1.0 serves well")).then(Drafted("What happened."))
    first = CARDS.post_mortem(story.is_).blocks[0]
    assert first["text"]["text"] == f"Draft of the post-mortem of Incident {story.is_.id} on " + (
        f"{story.is_.service} in {story.is_.environment}"
    )


def _fields(story: Story) -> dict[str, Any]:
    return {name: getattr(story.is_, name) for name in story.is_.__struct_fields__}


def test_the_card_says_who_has_to_act_until_when_and_who_comes_after() -> None:
    story = Story()
    text = card(story).whole
    assert "to be acknowledged until" in text
    assert "then manager is called" in text
    assert "nobody leads it yet" in text
    story.then(Acknowledged(ADA))
    assert "acknowledged by <@U0ADA>" in card(story).whole
    story.then(Resolved(ADA, "fixed"))
    story.then(ActionAdded(ADA, "add an index", "grace", story.now + timedelta(days=1)))
    after = card(story)
    assert "Post-mortem due" in after.whole
    assert "add an index (<@U0GRACE>" in after.whole
    assert after.buttons == ["incident_reopen"]


def test_only_open_steps_have_a_button() -> None:
    story = Story(steps=(StepState("look", "", Story().now, "ada"), StepState("act")))
    assert read(CARDS.runbook(story.is_)).values("incident_step") == ["i1:1"]


def test_the_forms_keep_slacks_rules() -> None:
    story = Story()
    offered = [("checkout", "checkout")]
    form = forms.DeclareForm(
        services=offered, environments=[("production", "production")], title=NASTY, text=NASTY
    )
    for view in (forms.declare(form), forms.news(story.is_), forms.over(story.is_)):
        check_view(view)


LOGS = "https://logs.example.com/?q={version}&from={from}&to={until}"


def test_the_card_links_to_ticket_logs_dashboards_and_what_people_added() -> None:
    story = Story(
        version="v1.2.0",
        logs=LOGS,
        dashboards={"errors": "https://g.example/d/1"},
        links=("https://x.test/1", "javascript:alert(1)"),
    )
    story.then(TicketOpened("OPS-7", "https://tickets.example/7"))
    whole = card(story).whole
    for words in (
        "<https://tickets.example/7|Ticket OPS-7> · <https://logs.example.com/?q=v1.2.0&amp;from=",
        "|Logs> · <https://g.example/d/1|Dashboard errors> · <https://x.test/1|Link 1> · ",
        "Link 2 javascript:alert(1)",
    ):
        assert words in whole
    before = card(story).whole
    story.now += timedelta(hours=3)
    assert card(story).whole != before  # the logs go on to now
    story.then(Resolved(ADA, "fixed"))
    over = card(story).whole
    story.now += timedelta(hours=3)
    assert _logs(card(story).whole) == _logs(over)


def _logs(text: str) -> str:
    return next(part for part in text.split(" · ") if "|Logs>" in part)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"severity": Severity.CRITICAL}, "A release caused it: `/rollback checkout` at once"),
        ({"severity": Severity.MINOR}, "Repair it with a hotfix: `/release start VERSION"),
        ({"origin": "rollback"}, "The traffic is taken back already."),
    ],
)
def test_the_card_says_which_ways_out_there_are_by_how_bad_it_is(
    fields: dict[str, Any], words: str
) -> None:
    story = Story()
    story.is_ = story.is_.__class__(**{**_fields(story), "service": "checkout", **fields})
    assert words in card(story).whole
    story.then(Resolved(ADA, "fixed"))
    assert words not in card(story).whole
