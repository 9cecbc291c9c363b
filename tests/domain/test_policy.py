"""What the card offers is what a decision accepts, and a button's value survives the way back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.decisions import decide
from bot.domain.events import (
    AdvanceRequested,
    CancelRequested,
    ExtendRequested,
    ItemTicked,
    OptionChosen,
    PauseRequested,
    QuarantineReleaseSigned,
    Rejected,
    ResumeRequested,
    RollbackRequested,
    RolloutEvent,
    Signed,
    StepBackRequested,
    Whisper,
    Withdrawn,
)
from bot.domain.people import Actor
from bot.domain.policy import (
    ActionButton,
    ButtonValue,
    Press,
    answer_of,
    decode,
    digest_meant,
    legal_actions,
    legal_answers,
    legal_choices,
)
from bot.domain.rollout import Phase, Rollout
from tests.domain.builders import ADA, NOW
from tests.fakes.rollouts import SCENES, asked_back, questions

SIGNER = Actor("hugo", "U0HUGO", ("security", "operations", "product"))


def event_of(rollout: Rollout, act: ActionButton) -> RolloutEvent:
    digest = digest_meant(rollout, act.value.digest)
    events: dict[Press, RolloutEvent] = {
        Press.APPROVE: Signed(SIGNER, digest, "fine"),
        Press.REJECT: Rejected(SIGNER),
        Press.WITHDRAW: Withdrawn(ADA),
        Press.PAUSE: PauseRequested(SIGNER),
        Press.RESUME: ResumeRequested(SIGNER),
        Press.ADVANCE: AdvanceRequested(SIGNER),
        Press.STEP_BACK: StepBackRequested(SIGNER),
        Press.EXTEND: ExtendRequested(SIGNER),
        Press.ROLLBACK: RollbackRequested(SIGNER, "slow", "q7"),
        Press.BREAK_GLASS: RollbackRequested(SIGNER, "slow", "q7", now=True),
        Press.CHOOSE: OptionChosen(SIGNER, act.value.argument, "it looks fine", "q8"),
        Press.CANCEL: CancelRequested(SIGNER),
        Press.RELEASE_QUARANTINE: QuarantineReleaseSigned(SIGNER),
    }
    if act.press is Press.TICK_ITEM:
        gate, ok = answer_of(act.value.argument)
        return ItemTicked(SIGNER, gate, ok)
    return events[act.press]


def refusals(rollout: Rollout, act: ActionButton) -> list[str]:
    after, effects = decide(rollout, event_of(rollout, act), NOW + timedelta(seconds=1))
    said = [effect.text for effect in effects if isinstance(effect, Whisper)]
    return said or ([] if (after, effects) != (rollout, ()) else ["nothing happened"])


@pytest.mark.parametrize("scene", [name for name in SCENES if "hostile" not in name])
def test_every_button_that_is_shown_does_something_when_it_is_pressed(scene: str) -> None:
    rollout = SCENES[scene]()
    for act in legal_actions(rollout):
        assert refusals(rollout, act) == [], act.press
    for act in legal_choices(rollout):
        assert refusals(rollout, act) == [], act.value.argument
    for _, yes, no in legal_answers(rollout):
        assert refusals(rollout, yes) == []
        assert refusals(rollout, no) == []


ALL: tuple[Press, ...] = tuple(Press)
UNSHOWN = {
    # Legal by command as well, where the card would be crowded by it.
    Press.ROLLBACK: {Phase.PREFLIGHT, Phase.AWAITING_APPROVAL, Phase.QUEUED},
    Press.BREAK_GLASS: set(Phase),
    Press.REJECT: {Phase.QUEUED},
    Press.STEP_BACK: {Phase.SHIFTING, Phase.SOAKING, Phase.JUDGING},
    Press.EXTEND: {Phase.SOAKING},
    Press.PAUSE: set(),
}


@pytest.mark.parametrize("phase", list(Phase))
def test_what_is_not_shown_is_refused_or_left_to_the_command(phase: Phase) -> None:
    rollout = SCENES[phase.value]()
    shown = {act.press for act in legal_actions(rollout)}
    for press in set(ALL) - shown - {Press.TICK_ITEM}:
        if phase in UNSHOWN.get(press, set()):
            continue
        act = ActionButton(press, ButtonValue(rollout.id), "release")
        assert refusals(rollout, act), press


def test_the_rollback_is_always_a_danger_and_nothing_else_is() -> None:
    dangerous = {act.press for make in SCENES.values() for act in legal_actions(make())
                 if act.dangerous}  # fmt: skip
    assert dangerous == {Press.ROLLBACK, Press.BREAK_GLASS}


def test_a_signature_for_the_rollback_is_bound_to_the_rollback() -> None:
    rollout = asked_back()
    assert rollout.rollback_request is not None
    approve = legal_actions(rollout)[0]
    assert (approve.press, approve.purpose) == (Press.APPROVE, "rollback")
    assert rollout.rollback_request.digest.startswith(approve.value.digest)
    assert digest_meant(rollout, approve.value.digest) == rollout.rollback_request.digest


def test_a_digest_that_was_replaced_is_nobodys() -> None:
    assert digest_meant(asked_back(), "0123456789abcdef") == "0123456789abcdef"


def test_a_question_has_two_answers() -> None:
    found = legal_answers(SCENES["questions"]())
    assert [gate.id for gate, _, _ in found] == ["fine", "smoke", "nice"]
    assert answer_of(found[0][1].value.argument) == ("fine", True)
    assert answer_of(found[0][2].value.argument) == ("fine", False)
    assert questions().waves[0].gates[1].id == "fine"


hexes = st.text("0123456789abcdef", max_size=16)


@given(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=40),
    hexes,
    st.integers(0, 10**9 - 1),
    st.text(max_size=100),
)
def test_a_value_comes_back_as_it_went(
    rollout_id: str, digest: str, generation: int, argument: str
) -> None:
    value = ButtonValue(rollout_id, digest, generation, argument)
    assert decode(value.encode()) == value


@pytest.mark.parametrize("value", ["", "r1", "r1:xyz:1", "r1::\u0661", "r1::", ":a:1", "r1:a:1\n"])
def test_a_value_that_is_not_ours_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not the value of a button"):
        decode(value)


@pytest.mark.parametrize("argument", ["", "yes", "yes:", "maybe:fine"])
def test_an_answer_that_is_none_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        answer_of(argument)
