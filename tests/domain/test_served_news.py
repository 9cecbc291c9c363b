"""What people hear of gaps in the traffic: in the thread, on the card, in the change log."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from bot.domain.decisions import decide
from bot.domain.events import Measured, PostThread
from bot.domain.record_news import begin, news
from bot.domain.release_log import entries
from bot.domain.release_record import GapsSeen, Happened, TakenBack
from bot.domain.release_record import decide as recorded
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Counts, Measurement, Sample, Track
from bot.domain.served import Gap, Served
from bot.outbound.record_files import RecordFiles
from bot.slack.cards import Cards
from tests.blockkit import check_message
from tests.domain import builders as b
from tests.domain.builders import NOW

OVER = NOW + timedelta(seconds=35)
GAP = Gap(NOW, None, 0, 420, "the move to 25 %")
ENDED = Gap(NOW, OVER, 0, 420, "the move to 25 %")


def at(second: int) -> str:
    return f"t[{int(NOW.timestamp()) + second}]"


def card(rollout: Rollout) -> str:
    message = Cards({}).card(rollout, NOW)
    check_message({"text": message.text, "blocks": list(message.blocks)})
    return str(message.blocks)


def folder() -> Path:
    return Path("nowhere")


def having(*gaps: Gap, rollout: Rollout | None = None) -> Rollout:
    served = Served(at=NOW, gaps=gaps)
    return msgspec.structs.replace(rollout or b.soaking(), served=served)


def served_in(rollout: Rollout, second: int, n: float) -> tuple[Rollout, list[str]]:
    """A look that counts so many requests on both sides."""
    when = NOW + timedelta(seconds=second)
    found = tuple(
        Measurement("error_rate", track, Sample(Counts(0, n / 2), when)) for track in Track
    )
    look = Measured(found, timedelta(seconds=1), b.seen(rollout.weight))
    after, effects = decide(rollout, look, when)
    return after, [effect.text for effect in effects if isinstance(effect, PostThread)]


@pytest.mark.requirement("P-003", "B-004")
def test_a_gap_is_told_when_it_is_sure_and_when_it_is_over() -> None:
    rollout, said = b.soaking(), []
    for second, n in enumerate([100] * 12 + [0, 0, 0, 100]):
        rollout, told = served_in(rollout, second, n)
        said += [text for text in told if "traffic" in text]
    move = f"the move to {rollout.weight:g} %"
    assert said == [
        f"Gap in the traffic during {move}: no requests were served, since {at(11)}; "
        "about 100 were to be expected.",
        f"The gap in the traffic is over since {at(14)}; it lasted 3s.",
    ]
    assert rollout.phase is Phase.SOAKING


@pytest.mark.requirement("P-003")
def test_the_card_shows_gaps_and_says_at_the_end_that_there_was_none() -> None:
    assert "no requests were served for 35s, from <!date" in card(having(ENDED))
    assert "served, since <!date" in card(having(GAP))
    few = msgspec.structs.replace(ENDED, served=12.0)
    assert "only 12 requests were served" in card(having(few))
    failed = msgspec.structs.replace(ENDED, expected=0.0)
    assert "the health check failed for 35s" in card(having(failed))
    dark = Gap(NOW, None, move="the rollback", unknown=True)
    assert "Whether requests were served during the rollback is unknown" in card(having(dark))
    assert "traffic while it moved" not in card(having())
    assert "No gap was seen in the traffic while it moved" in card(having(rollout=b.completed()))
    uncounted = msgspec.structs.replace(b.completed(), served=Served())
    assert "gap in the traffic is unknown" in card(uncounted)


@pytest.mark.requirement("P-003")
def test_the_record_and_the_change_log_have_the_gap_with_its_ends() -> None:
    before = b.soaking()
    events = news(before, having(GAP), NOW, drawn=False)
    assert [type(event) for event in events] == [Happened, GapsSeen]
    assert not news(having(GAP), having(msgspec.structs.replace(GAP, expected=500.0)), NOW,
                    drawn=False)  # fmt: skip
    record = begin(before, NOW)
    for event in (*events, *news(having(GAP), having(ENDED), NOW, drawn=False), TakenBack("it")):
        record, _ = recorded(record, event, NOW)
    assert record.gaps == (ENDED,)
    log = RecordFiles.log(RecordFiles(folder()), "# Changelog\n", entries([record]))
    assert "- Gap in the traffic: 2026-11-21 10:00:00 UTC to 2026-11-21 10:00:35 UTC (prod" in log
    quiet, _ = recorded(begin(before, NOW), TakenBack("it"), NOW)
    assert "Gap" not in RecordFiles.log(RecordFiles(folder()), "", entries([quiet]))
