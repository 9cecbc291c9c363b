"""Pages and tickets on the wire, against far sides that remember: each once, whatever gets lost."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from bot.calling import Everybody
from bot.domain.calling import Call, Ticket, TicketOrder
from bot.domain.secret import Secret
from bot.outbound.github_issues import GitHubIssues
from bot.outbound.pagerduty import PagerDuty
from bot.outbound.webhook import Webhook, WebhookPager, WebhookTickets
from bot.ports import Pager, PermanentError, TemporaryError, Tickets
from tests.fakes.calling import REPOSITORY, ROUTING_KEY, SECRET, TOKEN, FarSides

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
CALL = Call(
    key="incident:i1",
    summary="Checkout fails",
    severity="critical",
    service="checkout",
    environment="production",
    at=NOW,
    link="https://slack.test/1",
)
ORDER = TicketOrder(key="incident:i1", title="Checkout fails", body="since ten", labels=("sev",))


@pytest.fixture
def far() -> FarSides:
    return FarSides()


@pytest.fixture
async def http(far: FarSides) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(far.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://far.test") as client:
        yield client


def pagerduty(http: httpx.AsyncClient, key: str = ROUTING_KEY) -> Pager:
    return PagerDuty(Secret(key), http=http, api="http://far.test")


def webhook(http: httpx.AsyncClient, secret: str = SECRET) -> Webhook:
    return Webhook("http://far.test/hook?for=us", Secret(secret), http=http, now=lambda: NOW)


def github(http: httpx.AsyncClient, token: str = TOKEN) -> Tickets:
    return GitHubIssues(
        REPOSITORY, Secret(token), http=http, labels=("ops",), api="http://far.test"
    )


# --- pages ------------------------------------------------------------------------------------


async def test_one_incident_is_one_alarm_from_the_page_to_its_end(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    pager = pagerduty(http)
    await pager.trigger(CALL)
    await pager.trigger(msgspec.structs.replace(CALL, summary="Nobody answers"))
    assert far.alarms == {"incident:i1": "triggered"}
    assert far.woken == ["Checkout fails"]
    await pager.acknowledge(CALL)
    await pager.trigger(CALL)
    assert far.alarms == {"incident:i1": "acknowledged"}
    await pager.resolve(CALL)
    assert far.alarms == {"incident:i1": "resolved"}


async def test_a_lost_answer_of_the_pager_wakes_nobody_twice(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    far.faults = ["after"]
    with pytest.raises(TemporaryError) as lost:
        await pagerduty(http).trigger(CALL)
    assert lost.value.unknown
    await pagerduty(http).trigger(CALL)
    assert far.woken == ["Checkout fails"]


async def test_what_the_pager_will_never_take_is_not_tried_again(http: httpx.AsyncClient) -> None:
    with pytest.raises(PermanentError, match="Invalid routing key") as refused:
        await pagerduty(http, "wrong").trigger(CALL)
    assert "wrong" not in str(refused.value)
    with pytest.raises(ValueError, match="COUNTERSIGN_PAGERDUTY_KEY"):
        pagerduty(http, "")


@pytest.mark.parametrize(("status", "kind"), [(429, TemporaryError), (503, TemporaryError)])
async def test_a_busy_pager_is_asked_again_later(
    far: FarSides, http: httpx.AsyncClient, status: int, kind: type[Exception]
) -> None:
    far.faults = [status]
    with pytest.raises(kind) as busy:
        await pagerduty(http).trigger(CALL)
    if status == 429:
        assert isinstance(busy.value, TemporaryError)
        assert busy.value.retry_after == timedelta(seconds=60)


async def test_a_pager_that_can_not_be_reached_is_told_later(far: FarSides) -> None:
    async with httpx.AsyncClient() as nobody:
        with pytest.raises(TemporaryError, match="can't be reached"):
            await PagerDuty(Secret("k"), http=nobody, api="http://127.0.0.1:9").trigger(CALL)


async def test_one_pager_that_fails_keeps_no_other_from_being_told(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    both = Everybody([pagerduty(http, "wrong"), WebhookPager(webhook(http))])
    with pytest.raises(PermanentError):
        await both.trigger(CALL)
    assert [each["do"] for each in far.documents] == ["trigger"]


async def test_the_webhook_is_signed_and_does_one_thing_per_key(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    pager = WebhookPager(webhook(http))
    far.faults = ["after"]
    with pytest.raises(TemporaryError):
        await pager.trigger(CALL)
    await pager.trigger(CALL)
    await pager.acknowledge(CALL)
    await pager.resolve(CALL)
    assert [each["do"] for each in far.documents] == ["trigger", "acknowledge", "resolve"]
    assert far.documents[0]["key"] == "incident:i1"
    with pytest.raises(PermanentError, match="not signed"):
        await WebhookPager(webhook(http, "another")).trigger(CALL)


# --- tickets ----------------------------------------------------------------------------------


async def test_an_issue_is_looked_for_before_it_is_made_again(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    far.faults = ["after"]
    with pytest.raises(TemporaryError):
        await github(http).open(ORDER)
    ticket = await github(http).open(ORDER)
    assert len(far.issues) == 1
    assert ticket == Ticket(f"{REPOSITORY}#1", f"https://github.test/{REPOSITORY}/issues/1")
    names = {label["name"] for label in far.issues[0]["labels"]}
    assert names == {"countersign", "ops", "sev"}


async def test_words_of_people_call_nobody_in_an_issue_and_hide_nothing(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    said = "@acme/everybody look, ada@example.com <!-- countersign k2 --> <!-- and this is gone"
    words = msgspec.structs.replace(ORDER, title="@root: down", body=said)
    await github(http).open(words)
    (issue,) = far.issues
    assert issue["title"] == "@\u200broot: down"
    assert "@\u200bacme" in issue["body"]
    assert "ada@example.com" in issue["body"]
    assert issue["body"].count("<!--") == 1
    other = msgspec.structs.replace(ORDER, key="k2")
    assert (await github(http).open(other)).reference.endswith("#2")


async def test_an_issue_is_found_behind_a_hundred_newer_ones(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    first = await github(http).open(ORDER)
    for number in range(120):
        far.issues.append({**far.issues[0], "number": 100 + number, "body": "another"})
    assert await github(http).open(ORDER) == first


async def test_an_issue_is_closed_with_one_comment_however_often_it_is_tried(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    ticket = await github(http).open(ORDER)
    far.faults = ["after"]
    with pytest.raises(TemporaryError):
        await github(http).close(ticket, "it is over", "k1")
    await github(http).close(ticket, "it is over", "k1")
    assert [each["body"].partition("\n")[0] for each in far.comments[1]] == ["it is over"]
    assert far.issues[0]["state"] == "closed"


async def test_a_token_that_is_refused_is_told_and_not_shown(http: httpx.AsyncClient) -> None:
    with pytest.raises(PermanentError, match="Bad credentials") as refused:
        await github(http, "wrong-token").open(ORDER)
    assert "wrong-token" not in str(refused.value)


async def test_a_ticket_of_a_webhook_has_the_name_that_the_far_side_gives(
    far: FarSides, http: httpx.AsyncClient
) -> None:
    tickets = WebhookTickets(webhook(http))
    assert await tickets.open(ORDER) == Ticket("OPS-1", "https://ops.test/1")
    assert await tickets.open(ORDER) == Ticket("OPS-1", "https://ops.test/1")
    await tickets.close(Ticket("OPS-1"), "it is over", "k1")
    assert [each["do"] for each in far.documents] == ["open", "close"]
