"""Addresses of logs: what may stand in them, and how they are filled in."""

from datetime import UTC, datetime

import pytest

from bot.domain.log_links import filled, mistakes_of_logs

TEN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
LOGS = (
    "https://logs.example.com/{environment}?q=app%3D{service}+v%3D{version}&from={from}&to={until}"
)


def address(template: str) -> str:
    return filled(
        template,
        service="check out",
        environment="production",
        version="v1.2.0+a&b",
        began_at=TEN,
        ended_at=TEN.replace(hour=11),
    )


def test_an_address_is_filled_in_for_a_little_more_than_the_incident() -> None:
    assert address(LOGS) == (
        "https://logs.example.com/production?q=app%3Dcheck%20out+v%3Dv1.2.0%2Ba%26b"
        "&from=2026-11-21T09%3A45%3A00Z&to=2026-11-21T11%3A05%3A00Z"
    )
    assert address("https://g.example/d?from={from_ms}&to={until_ms}") == (
        "https://g.example/d?from=1795254300000&to=1795259100000"
    )
    assert address("") == ""


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("logs.example.com/{from}", "is no address"),
        ("https://logs.example.com/{form}", "did you mean 'from'?"),
        ("https://logs.example.com/?q=a b", "no blanks"),
        ("https://logs.example.com/|<x>", "no blanks"),
    ],
)
def test_an_address_that_can_not_work_is_refused_with_what_to_do(template: str, words: str) -> None:
    (found,) = mistakes_of_logs(template, ("services", "checkout", "logs"))
    assert words in str(found)
    assert str(found).startswith("services.checkout.logs: ")


def test_what_is_fine_is_not_refused() -> None:
    assert [*mistakes_of_logs(LOGS, ()), *mistakes_of_logs("", ())] == []
