"""From text to a value, and what is said when that fails."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.parser import (
    Argument,
    Grammar,
    Option,
    ParseError,
    clean,
    parse,
    split,
    verb_and_rest,
)

START = Grammar(
    (Argument("version", "what to release", required=True), Argument("service", "which service")),
    (
        Option("env", "the environment"),
        Option("note", "a note", rest=True),
        Option("now", "at once", switch=True),
    ),
)
REASON = Grammar((Argument("target", "what"), Argument("reason", "why", rest=True)))


def test_words_go_to_their_names_in_order() -> None:
    found = parse(START, ["v1.2.0", "checkout"])
    assert found.words == {"version": "v1.2.0", "service": "checkout"}


def test_options_may_stand_anywhere() -> None:
    parsed = parse(START, ["--env", "staging", "v1.2.0", "--now"])
    assert parsed.words == {"env": "staging", "version": "v1.2.0"}
    assert parsed.switches == {"now"}


def test_an_option_takes_its_value_after_an_equals_sign() -> None:
    assert parse(START, ["v1", "--env=staging"]).get("env") == "staging"


def test_a_note_runs_to_the_next_option() -> None:
    parsed = parse(START, ["v1", "--note", "fixes", "the", "cart", "--env", "staging"])
    assert parsed.words == {"version": "v1", "note": "fixes the cart", "env": "staging"}


def test_a_reason_takes_all_the_words_that_are_left() -> None:
    assert parse(REASON, ["checkout", "too", "slow"]).get("reason") == "too slow"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "VERSION is missing: what to release."),
        (["v1", "a", "b"], "I don't know what 'b' is for."),
        (["v1", "--enx", "x"], "--enx is unknown; did you mean 'env'?"),
        (["v1", "--env"], "--env needs a value: the environment."),
        (["v1", "--env", "--now"], "--env needs a value"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], message: str) -> None:
    with pytest.raises(ParseError, match=message.replace("?", r"\?")):
        parse(START, words)


def test_quotes_hold_words_together_even_the_ones_of_a_phone() -> None:
    verb, words = verb_and_rest("start v1 —note “two words”")
    assert (verb, words) == ("start", ["v1", "--note", "two words"])


def test_an_open_quote_loses_nothing() -> None:
    assert split('say "half a sentence') == ["say", "half a sentence"]


def test_the_verb_is_read_in_any_case() -> None:
    assert verb_and_rest("  STATUS checkout ") == ("status", ["checkout"])
    assert verb_and_rest("   ") == ("", [])


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\x00", "\ufeff"])
def test_characters_that_cannot_be_seen_are_refused_by_number(hidden: str) -> None:
    with pytest.raises(ParseError, match=f"U\\+{ord(hidden):04X}"):
        clean(f"start v1{hidden}.2.0")


def test_a_text_beyond_reason_is_refused_before_it_is_read() -> None:
    with pytest.raises(ParseError, match="10,000 characters"):
        clean("x" * 10_000)


@given(st.text(max_size=300))
def test_any_text_is_either_understood_or_refused(text: str) -> None:
    with contextlib.suppress(ParseError):
        _, words = verb_and_rest(text)
        assert set(parse(START, words).words) <= {"version", "service", "env", "note"}
