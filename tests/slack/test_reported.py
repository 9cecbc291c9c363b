"""What is reported from outside, as the card shows it."""

import json

import msgspec

from bot.domain.rollout import Phase
from bot.slack.cards import Cards
from tests.domain.builders import NOW
from tests.fakes.rollouts import ACCOUNTS, reported


def test_the_card_names_what_fires_and_counts_what_is_counted() -> None:
    card = Cards(ACCOUNTS).card(reported(), NOW)
    words = json.dumps(card.blocks, ensure_ascii=False)
    assert "*Reported*" in words
    assert "! Incident *critical*: carts are empty" in words
    assert "… and 4 more" in words
    assert "3 customer issue" in words


def test_what_is_over_is_no_longer_reported() -> None:
    rollout = reported()
    over = tuple(msgspec.structs.replace(report, open=False) for report in rollout.reports)
    card = Cards(ACCOUNTS).card(msgspec.structs.replace(rollout, reports=over), NOW)
    assert "Reported" not in json.dumps(card.blocks)


def test_a_release_that_has_ended_shows_no_more_reports() -> None:
    ended = msgspec.structs.replace(reported(), phase=Phase.COMPLETED, ended_at=NOW)
    assert "Reported" not in json.dumps(Cards(ACCOUNTS).card(ended, NOW).blocks)
