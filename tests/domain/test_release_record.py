"""How a record takes what it hears."""

from datetime import UTC, datetime, timedelta

from bot.domain.release_record import (
    MOMENTS,
    STRETCHES,
    DrawChart,
    GivenUp,
    Happened,
    Moment,
    Record,
    Restored,
    Standing,
    Stretch,
    Superseded,
    TakenBack,
    WaveEnded,
    WentLive,
    decide,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RECORD = Record(id="r1", service="shop", environment="production", version="v2", created_at=NOON)
STRETCH = Stretch(0, "few", 5.0, NOON, NOON + timedelta(minutes=1), 3.0, {})


def test_a_wave_that_ended_is_kept_and_drawn_where_pictures_are_wanted() -> None:
    once, effects = decide(RECORD, WaveEnded(STRETCH, drawn=True), NOON)
    twice, none = decide(once, WaveEnded(STRETCH), NOON)
    assert effects == (DrawChart(0),)
    assert none == ()
    assert len(twice.stretches) == 2


def test_it_goes_live_once() -> None:
    live, _ = decide(RECORD, WentLive(), NOON)
    assert (live.standing, live.deployed_at) == (Standing.ACTIVE, NOON)
    assert decide(live, WentLive(), NOON + timedelta(hours=1)) == (live, ())


def test_a_restored_version_keeps_the_time_of_its_deployment() -> None:
    live, _ = decide(RECORD, WentLive(), NOON)
    replaced, _ = decide(live, Superseded(), NOON)
    back, _ = decide(replaced, Restored(), NOON + timedelta(hours=2))
    assert back == live


def test_a_rollback_is_kept_with_its_time_and_reason() -> None:
    back, _ = decide(RECORD, TakenBack("it is slow"), NOON)
    assert (back.standing, back.rolled_back_at) == (Standing.ROLLED_BACK, NOON)
    assert back.rollback_reason == "it is slow"


def test_what_is_given_up_was_never_live() -> None:
    gone, _ = decide(RECORD, GivenUp(), NOON)
    assert (gone.standing, gone.deployed_at, gone.ended_at) == (Standing.WITHDRAWN, None, NOON)


def test_a_record_does_not_grow_for_ever() -> None:
    said, _ = decide(RECORD, Happened((Moment(NOON, "x"),) * (MOMENTS + 5)), NOON)
    assert len(said.moments) == MOMENTS
    record = RECORD
    for _ in range(STRETCHES + 5):
        record, _effects = decide(record, WaveEnded(STRETCH, drawn=True), NOON)
    assert len(record.stretches) == STRETCHES
