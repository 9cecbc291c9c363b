"""Checklists on the card and in their dialog: what Slack shows, and what comes back of it."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain import checklists
from bot.domain.events import PreflightPassed
from bot.domain.people import THE_BOT, Actor
from bot.domain.plan import Approval
from bot.domain.policy import decode
from bot.domain.rollout import Rollout, Tick
from bot.plans import library
from bot.practice import blocks as standin
from bot.practice import forms
from bot.slack.blocks import OPTION_TEXT, VIEW_BLOCKS
from bot.slack.cards import Cards
from bot.slack.checklists import as_reply, checklist_form, field_of, saved
from bot.slack.modals import approve_comment, filled_in
from tests.blockkit import check_message, check_view
from tests.domain.builders import ADA, ARTIFACT, NOW, OLD, fresh, plan, signed, step
from tests.fakes.preparing import asked, prepared, ready, tick, with_lists
from tests.fakes.rollouts import ACCOUNTS, SCENES
from tests.scenarios.reading import texts

CARDS = Cards(ACCOUNTS)


def words(rollout: Rollout) -> str:
    card = CARDS.card(rollout, NOW)
    return texts(card.text, card.blocks)


def submitted(view: dict[str, Any], given: dict[str, Any]) -> dict[str, str]:
    """What comes back when somebody fills the dialog in."""
    values, errors = forms.fill_in(view["blocks"], forms.values_of(view["blocks"]), given)
    assert errors == {}
    return filled_in(values)


@pytest.mark.thorough
@pytest.mark.parametrize("scene", SCENES)
def test_every_dialog_is_one_that_slack_opens(scene: str) -> None:
    rollout = SCENES[scene]()
    views = [checklist_form(rollout, ACCOUNTS), approve_comment(rollout, "release", "r1:ab")]
    for view in views:
        check_view(view)
        assert standin.view_problems(view, "modal") == []


@pytest.mark.parametrize("scene", [name for name in SCENES if name.startswith("lists")])
def test_every_list_that_is_typed_for_is_one_that_slack_shows(scene: str) -> None:
    check_message({"text": "x", "blocks": as_reply(SCENES[scene](), ACCOUNTS)})


@pytest.mark.parametrize("name", library().names())
@pytest.mark.parametrize("automatic", [True, False])
def test_the_lists_of_every_plan_fit_into_the_dialog_and_are_not_cut(
    name: str, automatic: bool
) -> None:
    plan = library().get(name)
    items = checklists.all_items(checklists.checklists_of(plan, "production"))
    checks = tuple({item.check for item in items if item.check}) if automatic else ()
    rollout = step(fresh(plan), PreflightPassed(ARTIFACT, OLD, "q1", checks))
    view = checklist_form(rollout, ACCOUNTS)
    check_view(view)
    assert len(view["blocks"]) < VIEW_BLOCKS
    assert [item.text for item in items if len(item.text) > OPTION_TEXT] == []
    card = CARDS.card(rollout, NOW)
    check_message({"text": card.text, "blocks": card.blocks})
    if items:
        check_message({"text": "x", "blocks": as_reply(rollout, ACCOUNTS)})


def test_the_card_says_how_far_it_is_and_what_is_next() -> None:
    rollout = step(prepared(("tests",)), tick("code/tests", THE_BOT, ok=False, evidence="3 fail"))
    said = words(rollout)
    assert "Getting ready" in said
    assert "*To be done before anybody signs:* 0 of 2" in said
    assert "○ The code 0 of 2" in said
    assert "✗ *The tests pass*: 3 fail" in said
    assert "Not yet" not in said
    assert "2 of 2 items are open" in said


def test_the_next_items_have_a_button_of_their_own_and_checks_have_none() -> None:
    rollout = prepared(("tests",))
    card = CARDS.card(rollout, NOW)
    accessories = [b["accessory"] for b in card.blocks if "accessory" in b]
    (done,) = [a for a in accessories if a["action_id"] == "tick_item"]
    value = decode(done["value"])
    assert (value.argument, value.generation) == ("yes:code/scan", 1)


@pytest.mark.requirement("C-040", "C-041", "C-042", "C-043")
def test_those_who_sign_see_what_was_done_and_how_it_will_go() -> None:
    rollout = msgspec.structs.replace(
        asked(prepared()), type="major", labels=("sensitive",), note="New checkout"
    )
    message = CARDS.ask(rollout, "release", "", False, NOW)
    said = texts(message.text, message.blocks)
    assert "<@U0MARY> asks to release v1.2.0" in said
    assert "*Asked for:* <!date^" in said
    assert "*Checklists:* 2 of 2, everything required is ticked" in said
    assert "*Kind:* major · sensitive" in said
    assert "Note: New checkout" in said
    assert "*Takes about:* 1h 30m" in said
    assert "*Traffic:* 5 % → 50 % → 100 %" in said
    assert "*Goes back by itself on:* error_rate &gt; 5%" in said
    check_message({"text": message.text, "blocks": message.blocks})


def test_a_card_of_a_plan_without_lists_says_nothing_of_them() -> None:
    assert "Checklist" not in words(step(fresh(), PreflightPassed(ARTIFACT, OLD, "q1")))


def test_what_is_ticked_already_is_ticked_in_the_dialog_with_who_did_it() -> None:
    rollout = step(prepared(), tick("code/scan", evidence="scan.test/7"))
    view = checklist_form(rollout, ACCOUNTS)
    (boxes,) = [b for b in view["blocks"] if b.get("block_id") == "code#0"]
    (first,) = boxes["element"]["initial_options"]
    assert first["value"] == "code/scan"
    assert first["description"]["text"] == "ada, 21 Nov 10:00 UTC: scan.test/7"


def test_only_what_was_changed_in_the_dialog_is_ticked_or_taken_back() -> None:
    rollout = step(prepared(), tick("code/scan"))
    view = checklist_form(rollout, ACCOUNTS)
    given = {"code#0": ["code/tests"], "evidence": "ci.test/9"}
    fields = submitted(view, given)
    meanwhile = step(rollout, tick("code/nice"))
    found = saved(meanwhile, view["private_metadata"], fields)
    assert [(item.key, ok, said, generation) for item, ok, said, generation in found] == [
        ("code/tests", True, "ci.test/9", 1),
        ("code/scan", False, "ci.test/9", 1),
    ]
    assert saved(rollout, view["private_metadata"], submitted(view, {})) == []


def test_a_number_is_typed_into_a_field_of_its_own() -> None:
    plan = library().get("proofile-staged")
    rollout = step(fresh(plan), PreflightPassed(ARTIFACT, OLD, "q1"))
    view = checklist_form(rollout, ACCOUNTS)
    fields = submitted(view, {"value:staging-validation/manual-qa": "97 %"})
    ((item, ok, said, _),) = saved(rollout, view["private_metadata"], fields)
    assert (item.id, ok, said) == ("manual-qa", True, "97 %")
    assert field_of(rollout, item) == "value:staging-validation/manual-qa"


def test_an_item_of_a_later_stage_is_shown_and_can_not_be_ticked_yet() -> None:
    rollout = step(fresh(with_lists(stages=("ship", "code"))), PreflightPassed(ARTIFACT, OLD, "q"))
    view = checklist_form(rollout, ACCOUNTS)
    assert "code#0" not in [block.get("block_id") for block in view["blocks"]]
    assert "*The scan is clean* after Ship" in texts("", view["blocks"])


def test_a_seat_shows_who_took_it() -> None:
    plan = library().get("whispercache-canary")
    rollout = step(fresh(plan), PreflightPassed(ARTIFACT, OLD, "q1"))
    keys = [item.key for item in checklists.required(checklists.of(rollout))]
    items = {key: Tick(key, True, "ada", NOW) for key in keys}
    rollout = msgspec.structs.replace(rollout, items=items)
    waiting = step(rollout, PreflightPassed(ARTIFACT, OLD, "q1"))
    one = step(waiting, signed(ADA, waiting))
    said = texts("", checklist_form(one, ACCOUNTS)["blocks"])
    assert "✓ *Security signs* by <@U0ADA>" in said
    assert "○ *Product signs* ticks itself" in said


def test_a_role_that_may_sign_is_shown_apart_from_those_who_have_to() -> None:
    rule = Approval(
        ("security",), 1, False, timedelta(hours=1), timedelta(hours=1), optional=("legal",)
    )
    waiting = step(fresh(plan(approval=rule)), PreflightPassed(ARTIFACT, OLD, "q1"))
    assert "○ legal: may sign, nobody waits for it" in words(waiting)
    lena = Actor("lena", "U0LENA", ("legal",))
    taken = step(step(waiting, signed(ADA, waiting)), signed(lena, waiting))
    assert "any role: lena" in words(taken)
    only = msgspec.structs.replace(rule, any=0, roles=("security", "operations"))
    waiting = step(fresh(plan(approval=only)), PreflightPassed(ARTIFACT, OLD, "q1"))
    assert "✓ legal: lena" in words(step(waiting, signed(lena, waiting)))


def test_the_card_of_a_ready_release_keeps_the_way_to_its_lists() -> None:
    card = CARDS.card(asked(prepared()), NOW)
    buttons = [b["accessory"]["action_id"] for b in card.blocks if "accessory" in b]
    assert buttons == ["checklist"]
    assert "*Checklists* 2 of 2" in texts("", card.blocks)
    assert "Everything is ticked." in words(ready(prepared()))
