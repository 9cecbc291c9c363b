"""Nothing a person typed becomes a mention, a link or something that can't be seen."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack import text
from tests.fakes.rollouts import ACCOUNTS, HOSTILE

AT = datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)


def test_mentions_and_links_are_shown_literally() -> None:
    shown = text.escape("<!channel> <@U0ADA> <https://evil.example|here> & more")
    assert "<" not in shown
    assert shown.startswith("&lt;!channel&gt;")


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u200b", "\u2066", "\ufeff", "\x00", "\u3164", "\ud800", "\U000e0041"]
)
def test_what_cannot_be_seen_is_taken_out(hidden: str) -> None:
    assert text.clean(f"a{hidden}b") == "ab"


def test_lines_stay_lines_and_letters_of_all_scripts_stay() -> None:
    assert text.clean("a\r\nb\u2028c\td ö 日本 עברית") == "a\nb\nc d ö 日本 עברית"


@given(st.text() | st.text("&<>a;"), st.integers(min_value=1, max_value=60))
def test_a_cut_never_leaves_half_an_entity_or_more_than_was_allowed(raw: str, most: int) -> None:
    whole = text.escape(raw)
    short = text.cut(whole, most)
    assert len(short) <= most
    without = short.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in without
    assert short == whole or short.endswith("…")


def test_a_cut_never_leaves_half_a_link() -> None:
    assert text.cut("see <@U0ADA> there", 8) == "see …"


def test_tokens_become_a_mention_and_a_date() -> None:
    said = text.render("@[ada] asked until t[1795255205].", ACCOUNTS)
    date = "<!date^1795255205^{date_short_pretty} {time}|2026-11-21 10:00 UTC>"
    assert said == f"<@U0ADA> asked until {date}."


def test_an_account_stands_for_itself_and_a_person_without_one_is_named() -> None:
    assert text.render("@[U0NEW] @[hugo] @[countersign]", {}) == "<@U0NEW> hugo Countersign"


def test_a_token_cannot_smuggle_a_special_mention() -> None:
    said = text.render("@[!channel] @[<!here>] t[99999999999] t[x]", {})
    assert "<!channel" not in said
    assert "<!here" not in said


def test_a_date_without_slack_is_in_utc_and_seconds_show_on_demand() -> None:
    assert text.clock(AT, seconds=True).endswith("{time_secs}|2026-11-21 10:00:05 UTC>")
    assert text.words("until t[1795255205]") == "until 2026-11-21 10:00 UTC"


def test_bold_and_code_can_not_be_broken_out_of() -> None:
    assert text.bold("a*b* <x>") == "*ab &lt;x&gt;*"
    assert text.code("a`b") == "`a'b`"
    assert text.bold("**") == ""


def test_what_was_typed_is_read_back_from_slacks_escapes() -> None:
    given_text = (
        "start v1 for <@U0GRACE|grace> in <#C0X|releases> &amp; &lt;co&gt; <http://a.b|a.b>"
    )
    assert text.typed(given_text) == "start v1 for @[U0GRACE] in #releases & <co> http://a.b"


def test_hostile_text_typed_and_shown_again_mentions_nobody_new() -> None:
    shown = text.quote(text.typed(text.escape(HOSTILE)))
    assert "<" not in shown
    assert "\u202e" not in shown
