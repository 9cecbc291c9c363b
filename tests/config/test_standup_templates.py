"""Words of standups that a house writes itself, and what is said about them at the start."""

from pathlib import Path

import pytest

from bot.slack.standup_texts import StandupTexts, builtin
from bot.slack.standups import StandupCards
from tests.slack.test_standups import NOW, WHOM, read, release, standup

QUIET = "Nothing moves at {{ standup.plan }}.\n---\n{{ standup.dora | join('; ') }}\n"


def test_a_template_of_ones_own_takes_the_place_of_the_built_in_one() -> None:
    texts = StandupTexts({"quiet.j2": QUIET})
    assert not list(texts.mistakes())
    cards = StandupCards({}, "/standup", texts)
    quiet = read(cards.standup(standup(dora=("Deployments: 3",)), WHOM, NOW)).whole
    assert "Nothing moves at test." in quiet
    assert "Deployments: 3" in quiet
    assert "1. Health" in read(cards.standup(standup(release()), WHOM, NOW)).whole


def test_what_somebody_typed_is_no_mention_in_ones_own_words_either() -> None:
    cards = StandupCards({}, "/standup", StandupTexts({"quiet.j2": "{{ standup.plan }}"}))
    said = read(cards.standup(standup(plan="<!channel> & *x*"), WHOM, NOW)).whole
    assert "<!channel>" not in said


@pytest.mark.parametrize(
    ("file", "text", "line", "said"),
    [
        ("quite.j2", "x", 0, "did you mean 'quiet'"),
        ("topic.j2", "{{ topic.wether }}", 0, "no attribute 'wether'"),
        ("quiet.j2", "{% for x in standup.dora %}", 1, "endfor"),
        ("actions.j2", "one\n{{ command }\n", 2, "unexpected"),
        ("actions.j2", "{{ standup.actions[0].since - 1 }}", 0, "can't be filled in"),
        ("quiet.j2", "{{ ''.__class__.__mro__ }}", 0, "can't be filled in"),
    ],
)
def test_a_mistake_is_told_before_the_first_standup(
    file: str, text: str, line: int, said: str
) -> None:
    ((where, at, problem, hint),) = StandupTexts({file: text}).mistakes()
    assert (where, at) == (file, line)
    assert said in f"{problem} {hint}"


def test_the_built_in_templates_pass_their_own_trial() -> None:
    folder = Path(__file__).parents[2] / "templates" / "standups"
    texts = StandupTexts({path.name: path.read_text("utf-8") for path in folder.glob("*.j2")})
    assert not list(texts.mistakes())
    assert builtin().parts("quiet", standup=standup())
