"""The plan's own dashboard, and how fresh the card has to be."""

from datetime import timedelta

import msgspec
import pytest

from bot.domain.dashboards import link, pace
from bot.domain.documents import DocumentError
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.record_news import begin
from bot.slack.cards import Cards
from tests.blockkit import check_message
from tests.domain import builders as b
from tests.domain.builders import NOW
from tests.domain.going import Going, document

URL = "https://boards.test/d/x?var-service={service}&env={environment}&v={version}"
SECOND = timedelta(seconds=1)


def plan(**dashboard: object) -> Plan:
    return compile_plan(document(dashboard=dashboard))


def test_the_card_and_the_record_lead_to_the_dashboard_of_this_release() -> None:
    rollout = msgspec.structs.replace(b.soaking(plan(url=URL)), version="v1.2.0+a b")
    message = Cards({}).card(rollout, NOW)
    check_message({"text": message.text, "blocks": list(message.blocks)})
    where = "var-service=checkout&env=production&v=v1.2.0%2Ba%20b"
    shown = where.replace("&", "&amp;")
    assert f"<https://boards.test/d/x?{shown}|Dashboard>" in str(message.blocks)
    assert begin(rollout, NOW).dashboard == f"https://boards.test/d/x?{where}"


def test_without_an_address_there_is_no_link() -> None:
    assert link(plan(every="10s"), "a", "b", "c") == ""
    assert "Dashboard" not in str(Cards({}).card(b.soaking(), NOW).blocks)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a|b", "https://a b", "https://a>"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(DocumentError, match="dashboard"):
        plan(url=url)


def test_numbers_on_the_card_may_be_as_old_as_the_plan_says() -> None:
    assert pace(plan(every="10s"), 3 * SECOND) == 10 * SECOND
    assert pace(plan(every="1s"), 3 * SECOND) == 3 * SECOND
    assert pace(compile_plan(document()), 3 * SECOND) == 3 * SECOND


@pytest.mark.parametrize(("every", "edits"), [("5m", 6), ("", 30)])
def test_the_card_is_edited_at_that_pace(every: str, edits: int) -> None:
    going = Going(document(dashboard={"every": every} if every else None))
    going.look()
    before = len([e for e in going.effects if type(e).__name__ == "RenderCard"])
    going.looks(30)
    after = len([e for e in going.effects if type(e).__name__ == "RenderCard"])
    assert after - before == edits
