"""What is typed, and what is written into files, by people who slip and by people who don't."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from bot.files import FileError
from bot.plans import PlanLibrary, built_in, read_plan
from bot.slack.listeners import FAILED
from bot.slack.replies import REPLY_TEXT
from tests.hostile.words import commands, lines
from tests.scenarios.world import World

LIVELY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["/release", "/rollback", "/incident", "/notice", "/standup"])
async def test_a_command_without_words_opens_a_form_or_gives_help(
    world: World, command: str
) -> None:
    said = await world.say("mary", command)
    told = [said, *world.whispers("mary")]
    assert world.modal("mary") is not None or any(len(text) > 40 for text in told), told
    assert await world.rollouts() == []


def everything_said(world: World, person: str) -> list[str]:
    """What this person was shown since the last look, forms left out."""
    return world.whispers(person)


@pytest.mark.thorough
@LIVELY
@given(command=commands, line=lines)
async def test_anything_typed_gets_one_short_answer_that_says_what_to_do(
    world: World, command: str, line: str
) -> None:
    answer = await world.act("say", person="mary", channel="checkout", text=f"{command} {line}")
    assert answer["ok"], answer
    body = answer.get("body") or ""
    said = body["text"] if isinstance(body, dict) else body
    await world.breathe()
    for text in (said, *world.whispers("mary"), *world.pages()):
        assert len(text) <= REPLY_TEXT
        assert FAILED not in text
        for token in re.findall(r"<[!@#][^>]*>", text):
            assert token.startswith(("<!date^", "<@U")), text
        assert "<https://evil.example" not in text, "a link under other words"


PLAN = """\
schema: 1
plan: mine
metrics: {error_rate: {kind: ratio, bad: errors, total: requests}}
approvals: {production: {any: 2}}
waves:
  - {id: one, traffic: 5%, soak: 10m, go_if: [{if: error_rate < 1%}]}
  - {id: two, traffic: 100%, soak: 10m, go_if: [{if: error_rate < 1%}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("traffic: 100%", "traffic: 150%", 7, "150%"),
        ("  - {id: two", "  - {id: less, traffic: 3%, soak: 1m}\n  - {id: two", 7, "3%"),
        (
            "soak: 10m, go_if: [{if: error_rate < 1%}]}\n  - {id: two",
            "soak: -5m}\n  - {id: two",
            6,
            "-5m",
        ),
        (
            "soak: 10m, go_if: [{if: error_rate < 1%}]}\n  - {id: two",
            "soak: .nan}\n  - {id: two",
            6,
            "nan",
        ),
        (PLAN[PLAN.index("waves:") :], "waves: []\n", 5, "waves"),
        (PLAN[PLAN.index("waves:") :], "", 0, "waves"),
    ],
    ids=["over 100 %", "falling", "a soak below zero", "a soak of no number", "empty", "none"],
)
def test_an_impossible_plan_is_refused_with_file_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in PLAN
    file = tmp_path / "mine.yaml"
    file.write_text(PLAN.replace(old, new, 1))
    with pytest.raises(FileError) as refused:
        PlanLibrary([*built_in(), read_plan(file)])
    place = f"{file}:{line}: " if line else str(file)
    told = [str(problem) for problem in refused.value.problems]
    assert any(each.startswith(place) and words in each for each in told), told
