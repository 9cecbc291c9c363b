"""Messages about what comes round, in each of its states."""

import msgspec
import pytest

from bot.domain.chores import Chore, ChoreDone, ChoreDropped, ChoreTried
from bot.slack.chores import CHORE_DONE, ChoreCards
from tests.blockkit import check_message
from tests.domain.builders import ADA
from tests.domain.test_chores import DAY, MONDAY, TICK, WEEK, after, chore

ASKED = after(chore(), (TICK, MONDAY))


@pytest.mark.parametrize(
    ("found", "round_", "words", "pressable"),
    [
        (ASKED, 1, "for security", True),
        (after(ASKED, (ChoreTried("3 days <old>"), MONDAY)), 1, "3 days &lt;old&gt;", True),
        (after(ASKED, (ChoreDone(ADA, "all fine"), MONDAY)), 1, "✓ <@U0ADA>", False),
        (after(chore(rule=None), (TICK, MONDAY), (ChoreDone(ADA), MONDAY)), 1, "✓", False),
        (after(ASKED, (TICK, MONDAY + WEEK)), 1, "the next one has come", False),
        (after(ASKED, (TICK, MONDAY + WEEK)), 2, "Not done the last 1 times", True),
        (after(ASKED, (ChoreDropped("not listed"), MONDAY + DAY)), 1, "not listed", False),
        (msgspec.structs.replace(ASKED, text="x" * 9000), 1, "x", True),
    ],
)
def test_a_round_says_how_it_stands_and_can_be_ticked_while_it_is_open(
    found: Chore, round_: int, words: str, pressable: bool
) -> None:
    message = ChoreCards({"ada": "U0ADA"}).chore(found, round_, "C0RELEASES")
    check_message({"text": message.text, "blocks": message.blocks})
    assert words in message.text
    assert (CHORE_DONE in str(message.blocks)) is pressable


def test_a_reminder_is_one_line() -> None:
    line = ChoreCards({}).line("Still to be done, for 1d: look (security)")
    check_message({"text": line.text, "blocks": line.blocks})
