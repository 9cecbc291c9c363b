"""Times as customers read them, and what customers should perhaps not read."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.notice_lint import findings
from bot.domain.notice_times import length, moment, parse_instant, span

PACIFIC, BERLIN = "America/Los_Angeles", "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zones", "words"),
    [
        ("2026-03-01 17:00", (PACIFIC,), f"2026-03-01 09:00 PST ({PACIFIC}); 17:00 UTC"),
        ("2026-07-01 06:00", (PACIFIC,), f"2026-06-30 23:00 PDT ({PACIFIC}); 2026-07-01 06:00 UTC"),
        ("2026-07-01 06:00", ("UTC",), "2026-07-01 06:00 UTC"),
        ("2026-07-01 06:00", (), "2026-07-01 06:00 UTC"),
        ("2026-07-01 06:00", ("Asia/Dubai",), "2026-07-01 10:00 UTC+04 (Asia/Dubai); 06:00 UTC"),
    ],
)
def test_an_instant_in_every_zone(at: str, zones: tuple[str, ...], words: str) -> None:
    assert moment(utc(at), zones) == words


def test_a_span_over_midnight_in_one_zone_only() -> None:
    assert span(utc("2026-06-01 05:00"), utc("2026-06-01 08:00"), (PACIFIC, BERLIN)) == (
        f"2026-05-31 22:00 - 2026-06-01 01:00 PDT ({PACIFIC}); "
        f"2026-06-01 07:00 - 10:00 CEST ({BERLIN}); 2026-06-01 05:00 - 08:00 UTC"
    )


def test_a_span_over_the_change_of_the_clocks_names_both() -> None:
    assert span(utc("2026-11-01 08:30"), utc("2026-11-01 09:30"), (PACIFIC,)).startswith(
        f"2026-11-01 01:30 PDT - 01:30 PST ({PACIFIC})"
    )


@pytest.mark.parametrize(
    ("text", "zone", "found"),
    [
        ("2026-03-01 09:00", PACIFIC, "2026-03-01 17:00"),
        ("2026-03-01T09:00+01:00", "", "2026-03-01 08:00"),
        (" 2026-03-01T09:00:00Z ", "", "2026-03-01 09:00"),
    ],
)
def test_times_as_people_type_them(text: str, zone: str, found: str) -> None:
    assert parse_instant(text, zone) == utc(found)


@pytest.mark.parametrize(
    ("text", "zone", "words"),
    [
        ("tomorrow", BERLIN, "is no time; write it like 2026-03-01 09:00"),
        ("2026-03-01", BERLIN, "has no time of the day"),
        ("2026-03-01 09:00", "", "could be anywhere; name the zone"),
        ("2026-03-01 09:00", "CET2", "is not a time zone"),
        ("2026-03-29 02:30", BERLIN, "does not exist in Europe/Berlin"),
        ("2026-10-25 02:30", BERLIN, "comes twice in Europe/Berlin that night"),
    ],
)
def test_times_that_mean_nothing_or_two_things_are_refused(
    text: str, zone: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words.split(";")[0]):
        parse_instant(text, zone)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.2, "less than a minute"), (45, "45 min"), (150, "2 h 30 min"), (60 * 76, "3 d 4 h")],
)
def test_lengths(minutes: float, words: str) -> None:
    assert length(timedelta(minutes=minutes)) == words


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("The node 10.0.0.5 was full.", "10.0.0.5"),
        ("See 10.0.0.5:8080.", "10.0.0.5:8080"),
        ("Traffic to fe80::1 failed.", "fe80::1"),
        ("We restarted db-1.internal.example.org.", "db-1.internal.example.org"),
        ("https://grafana.corp.example/d/1 shows it.", "grafana.corp.example"),
        ("We restarted web-prod-03.", "web-prod-03"),
        ("Ask <@U0MARY> about it.", "<@U0MARY>"),
        ("@channel please look.", "@channel"),
        ("It will be fixed by 17:00.", "promises a time of repair"),
        ("We expect to be back within two hours.", "promises a time of repair"),
        ("ETA 30 minutes.", "promises a time of repair"),
    ],
)
def test_what_customers_should_not_see_is_pointed_at(text: str, about: str) -> None:
    assert any(about in finding for finding in findings(text, ("status.example.com",)))


@pytest.mark.parametrize(
    "text",
    [
        "Version 1.2.0 is live for 99.9 % of all requests.",
        "Write to support@example.com.",
        "See https://status.example.com/history and status.example.com.",
        "We will tell you more at 17:00.",
        "Next update: 2026-03-01 09:00 PST (America/Los_Angeles); 17:00 UTC",
        "It was fixed at 17:00.",
    ],
)
def test_what_is_fine_is_left_alone(text: str) -> None:
    assert findings(text, ("status.example.com", "example.com")) == ()
