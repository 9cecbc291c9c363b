"""When the bot counts as unheard."""

from bot.slack.hearing import PATIENCE, Hearing


def test_a_bot_that_has_said_nothing_yet_is_not_silent() -> None:
    assert Hearing().silent(1000.0) == ""


def test_a_refused_token_is_silence_at_once_and_until_a_call_succeeds() -> None:
    hearing = Hearing()
    hearing.answered("token_revoked", "the token was revoked")
    assert hearing.silent(0.0) == "the token was revoked"
    hearing.answered()
    assert hearing.silent(1.0) == ""


def test_a_channel_that_refuses_is_no_silence() -> None:
    hearing = Hearing()
    hearing.answered("is_archived", "archived")
    assert hearing.silent(0.0) == ""


def test_who_nothing_reaches_counts_as_silent_after_two_minutes() -> None:
    hearing = Hearing()
    hearing.connected(0.0, there=True)
    hearing.connected(10.0, there=False)
    hearing.connected(100.0, there=False)
    assert hearing.silent(10.0 + PATIENCE - 1) == ""
    said = hearing.silent(10.0 + PATIENCE)
    assert said == "no connection to Slack for 2 minutes, so no button works"
    hearing.connected(10.0 + PATIENCE, there=True)
    assert hearing.silent(10.0 + PATIENCE) == ""


def test_no_answer_is_silence_after_two_minutes_from_the_first() -> None:
    hearing = Hearing()
    for second in range(0, 200, 10):
        hearing.lost(float(second))
    assert hearing.silent(PATIENCE - 1) == ""
    assert hearing.silent(PATIENCE) == "Slack has not answered for 2 minutes"
    hearing.answered()
    assert hearing.silent(PATIENCE + 1) == ""
