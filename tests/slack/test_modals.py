"""The dialogs are ones that Slack opens, and what is filled in comes back by name."""

from typing import Any

import msgspec
import pytest

from bot.domain.rollout import Phase
from bot.practice import blocks as standin
from bot.practice import forms
from bot.slack.modals import ReleaseForm, filled_in, release_start, rollback_confirm
from tests.blockkit import check_view
from tests.domain.builders import TWO_TO_ROLL_BACK, in_phase, plan, soaking
from tests.fakes.rollouts import LONG, SCENES


def form(**fields: Any) -> ReleaseForm:
    defaults: dict[str, Any] = {
        "services": [("checkout", "checkout"), ("billing", "billing")],
        "environments": [("production", "production"), ("staging", "staging")],
        "plans": [("quickstart", "Quickstart, 65 s")],
    }
    return ReleaseForm(**(defaults | fields))


def fits(view: dict[str, Any]) -> None:
    check_view(view)
    assert standin.view_problems(view, "modal") == []


FORMS = {
    "empty": form(),
    "filled": form(
        service="billing",
        environment="staging",
        plan="quickstart",
        version="v1.2.0",
        artifact="sha256:ab",
        note="hello",
        metadata='{"channel":"C0CHECKOUT"}',
    ),
    "no plans": form(plans=[]),
    "nothing configured": form(services=[], environments=[], plans=[]),
    "too many": form(services=[(f"s{n}", f"s{n}") for n in range(500)]),
    "hostile": form(
        services=[("s", LONG), (LONG, "too long to come back")],
        plans=[("p", LONG)],
        note=LONG,
        version=LONG,
        artifact=LONG,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_release_is_one_that_slack_opens(name: str) -> None:
    fits(release_start(FORMS[name]))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("now", [True, False])
def test_every_question_before_a_rollback_is_one_that_slack_opens(scene: str, now: bool) -> None:
    fits(rollback_confirm(SCENES[scene](), metadata="r1:::", reason="slow", now=now))


def test_a_rollback_says_what_will_happen_and_wants_a_reason() -> None:
    alone = rollback_confirm(in_phase(Phase.COMPLETED), metadata="m", now=False)
    words = alone["blocks"][0]["text"]["text"]
    assert "all traffic goes from v1.2.0 back to v1.1.0" in words
    assert "without further signatures" in words
    assert alone["blocks"][-1]["optional"] is False
    together = rollback_confirm(
        soaking(plan(rollback_approval=TWO_TO_ROLL_BACK)), metadata="m", now=False
    )
    assert "waits for 2 signatures" in together["blocks"][0]["text"]["text"]
    assert together["submit"]["text"] == "Ask to roll back"


def test_what_is_offered_first_is_chosen_already() -> None:
    view = release_start(FORMS["empty"])
    assert view["blocks"][0]["element"]["initial_option"]["value"] == "checkout"
    assert release_start(FORMS["filled"])["blocks"][0]["element"]["initial_option"]["value"] == (
        "billing"
    )


def test_what_was_filled_in_comes_back_by_the_names_of_the_fields() -> None:
    blocks = release_start(FORMS["filled"])["blocks"]
    assert filled_in(forms.values_of(blocks)) == {
        "service": "billing",
        "environment": "staging",
        "version": "v1.2.0",
        "plan": "quickstart",
        "artifact": "sha256:ab",
        "note": "hello",
    }


def test_what_has_been_read_once_stays_as_it_is() -> None:
    read = filled_in(forms.values_of(release_start(FORMS["filled"])["blocks"]))
    assert filled_in(read) == read


def test_nonsense_in_a_state_is_nothing() -> None:
    assert filled_in({"a": None, "b": {"c": None}, "d": {"e": {"value": None}}}) == {
        "b": "",
        "d": "",
    }


def test_metadata_that_slack_would_not_keep_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="metadata"):
        release_start(msgspec.structs.replace(FORMS["empty"], metadata="x" * 3001))
