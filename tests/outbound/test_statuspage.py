"""Notices on a status page, over HTTP against a stand-in that remembers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from bot.domain.secret import Secret
from bot.outbound.statuspage import OURS, Pace, StatusPage
from bot.ports import Announcement, Delivered, PermanentError, TemporaryError
from tests.fakes.statuspage import KEY, PAGE, Page, statuspage
from tests.outbound.announced import INCIDENT, MAINTENANCE, later

DEGRADED, DOWN, WORKED_ON, FINE = (
    "degraded_performance",
    "major_outage",
    "under_maintenance",
    "operational",
)


@dataclass
class Clock:
    """A clock that only waiting moves."""

    time: float = 0.0
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@dataclass
class Desk:
    """The page, and an adapter that writes on it."""

    page: Page
    http: httpx.AsyncClient
    clock: Clock

    def adapter(self, *, interval: float = 1.0, **more: Any) -> StatusPage:
        pace = Pace(lambda: self.clock.time, interval, self.clock.sleep)
        more = {"components": {"checkout": ["Checkout"]}, "key": Secret(KEY), **more}
        return StatusPage(PAGE, http=self.http, pace=pace, **more)

    async def publish(self, said: Announcement, key: str = "") -> Delivered:
        """From a process that has just been started: nothing is remembered but by the page."""
        return await self.adapter().publish(said, PAGE, key or f"{said.event}:{said.sequence}")

    @property
    def now(self) -> str:
        return self.page.status("c-checkout")

    @property
    def written(self) -> int:
        return sum(method != "GET" for method, _ in self.page.calls)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = Clock()
    async with statuspage(lambda: clock.time) as (page, http):
        yield Desk(page, http, clock)


# -- one event is one entry ----------------------------------------------------------------------


@pytest.mark.requirement("P-135", "B-134")
async def test_the_notices_of_an_incident_are_one_entry_of_the_page(desk: Desk) -> None:
    first = await desk.publish(INCIDENT)
    last = await desk.publish(later(INCIDENT, 1, "resolved", text="It works again."))
    (shown,) = desk.page.incidents
    assert first == last == Delivered("inc1", "https://stspg.example/inc1")
    assert (shown["name"], shown["status"]) == ("Payments fail", "resolved")
    said = [update["body"] for update in shown["incident_updates"]]
    assert said == ["It works again.", INCIDENT.text]
    assert desk.page.bodies[0]["deliver_notifications"] is True


async def test_a_maintenance_has_its_times_and_moves(desk: Desk) -> None:
    await desk.publish(MAINTENANCE)
    (shown,) = desk.page.incidents
    assert shown["scheduled_for"] == "2026-03-03T09:00:00Z"
    assert shown["scheduled_until"] == "2026-03-03T10:00:00Z"
    assert shown["scheduled_auto_in_progress"] is False
    assert shown["auto_transition_to_operational_state"] is False
    assert MAINTENANCE.starts_at is not None
    day = timedelta(days=1)
    await desk.publish(later(MAINTENANCE, 1, "rescheduled", starts_at=MAINTENANCE.starts_at + day))
    assert (shown["status"], shown["scheduled_for"]) == ("scheduled", "2026-03-04T09:00:00Z")


async def test_two_events_are_two_entries_and_those_of_others_are_left_alone(desk: Desk) -> None:
    stranger = {"id": "inc0", "name": "theirs", "status": "investigating", "metadata": {"x": {}}}
    desk.page.incidents.append(dict(stranger))
    await desk.publish(INCIDENT)
    await desk.publish(MAINTENANCE)
    assert desk.page.incidents[0] == stranger
    assert len(desk.page.incidents) == 3


async def test_what_others_keep_in_the_metadata_stays(desk: Desk) -> None:
    await desk.publish(INCIDENT)
    desk.page.incidents[0]["metadata"]["jira"] = {"id": "OPS-1"}
    await desk.publish(later(INCIDENT, 1, "identified"))
    assert desk.page.incidents[0]["metadata"]["jira"] == {"id": "OPS-1"}


async def test_an_entry_is_found_behind_a_hundred_newer_ones(desk: Desk) -> None:
    await desk.publish(INCIDENT)
    desk.page.incidents += [
        {"id": f"x{n}", "name": "theirs", "status": "resolved", "metadata": None}
        for n in range(130)
    ]
    await desk.publish(later(INCIDENT, 1, "identified"))
    assert desk.page.incidents[0]["status"] == "identified"


async def test_a_service_that_is_not_on_the_page_is_not_published_there(desk: Desk) -> None:
    other = msgspec.structs.replace(INCIDENT, service="billing")
    assert await desk.adapter().destinations(INCIDENT) == [PAGE]
    assert await desk.adapter().destinations(other) == []
    assert await desk.adapter(components={}).destinations(other) == [PAGE]
    whole = msgspec.structs.replace(INCIDENT, service="")
    assert await desk.adapter().destinations(whole) == [PAGE]


# -- once ----------------------------------------------------------------------------------------


async def test_what_is_on_the_page_is_not_published_again(desk: Desk) -> None:
    first = await desk.publish(INCIDENT)
    assert await desk.publish(INCIDENT) == first
    assert desk.written == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_reply_that_got_lost_is_looked_for(desk: Desk, method: str) -> None:
    said = INCIDENT
    if method == "PATCH":
        await desk.publish(INCIDENT)
        said = later(INCIDENT, 1, "identified")
    desk.page.fault(method, "after")
    with pytest.raises(TemporaryError) as error:
        await desk.publish(said)
    assert error.value.unknown
    done = desk.written
    await desk.publish(said)
    assert desk.written == done
    (shown,) = desk.page.incidents
    assert len(shown["incident_updates"]) == said.sequence + 1


async def test_a_request_that_never_arrived_is_made_again(desk: Desk) -> None:
    desk.page.fault("POST", "before")
    with pytest.raises(TemporaryError):
        await desk.publish(INCIDENT)
    await desk.publish(INCIDENT)
    assert len(desk.page.incidents) == 1


async def test_a_notice_that_comes_late_does_not_take_the_page_back(desk: Desk) -> None:
    await desk.publish(INCIDENT)
    await desk.publish(later(INCIDENT, 2, "resolved"))
    with pytest.raises(PermanentError) as error:
        await desk.publish(later(INCIDENT, 1, "identified"))
    assert error.value.code == "overtaken"
    assert desk.page.incidents[0]["status"] == "resolved"


async def test_words_about_keys_and_people_do_not_reach_the_page(desk: Desk) -> None:
    await desk.publish(INCIDENT, "notice:inc-3:0:ada@example.com")
    assert "ada@example.com" not in str(desk.page.incidents)


# -- components ----------------------------------------------------------------------------------


async def test_an_incident_touches_its_components_and_puts_them_back(desk: Desk) -> None:
    seen = []
    for number, status in enumerate(("investigating", "identified", "monitoring", "resolved")):
        await desk.publish(later(INCIDENT, number, status))
        seen.append(desk.now)
    assert seen == [DEGRADED, DEGRADED, DEGRADED, FINE]
    assert {desk.page.status("c-search"), desk.page.status("c-mail")} == {FINE}
    changed = [body.get("components") for body in desk.page.bodies]
    assert changed == [{"c-checkout": DEGRADED}, None, None, {"c-checkout": FINE}]


async def test_a_maintenance_touches_them_only_while_it_lasts(desk: Desk) -> None:
    seen = []
    states = ("scheduled", "rescheduled", "in_progress", "verifying", "completed")
    for number, status in enumerate(states):
        await desk.publish(later(MAINTENANCE, number, status))
        seen.append(desk.now)
    assert seen == [FINE, FINE, WORKED_ON, WORKED_ON, FINE]


async def test_a_cancelled_maintenance_is_over_and_puts_back_what_it_touched(desk: Desk) -> None:
    await desk.publish(later(MAINTENANCE, 0, "in_progress"))
    await desk.publish(later(MAINTENANCE, 1, "cancelled"))
    assert (desk.page.incidents[0]["status"], desk.now) == ("completed", FINE)


async def test_what_was_so_before_is_so_again(desk: Desk) -> None:
    desk.page.component("c-checkout", "Checkout", WORKED_ON)
    await desk.publish(INCIDENT)
    assert desk.now == DEGRADED
    await desk.publish(later(INCIDENT, 1, "resolved"))
    assert desk.now == WORKED_ON


async def test_what_is_worse_than_we_would_say_is_not_touched(desk: Desk) -> None:
    desk.page.component("c-checkout", "Checkout", DOWN)
    await desk.publish(INCIDENT)
    await desk.publish(later(INCIDENT, 1, "resolved"))
    assert desk.now == DOWN
    assert all("components" not in body for body in desk.page.bodies)


@pytest.mark.parametrize("theirs", [DOWN, "partial_outage", FINE])
async def test_what_somebody_else_set_since_stays(desk: Desk, theirs: str) -> None:
    await desk.publish(INCIDENT)
    desk.page.component("c-checkout", "Checkout", theirs)
    await desk.publish(later(INCIDENT, 1, "identified"))
    assert desk.now == theirs
    await desk.publish(later(INCIDENT, 2, "resolved"))
    assert desk.now == theirs


async def test_two_events_share_a_component_and_the_last_one_puts_it_back(desk: Desk) -> None:
    other = msgspec.structs.replace(INCIDENT, event="inc-4")
    await desk.publish(MAINTENANCE)
    await desk.publish(later(MAINTENANCE, 1, "in_progress"))
    await desk.publish(INCIDENT)
    await desk.publish(other)
    seen = [desk.now]
    for over in (later(INCIDENT, 1, "resolved"), later(other, 1, "resolved")):
        await desk.publish(over)
        seen.append(desk.now)
    await desk.publish(later(MAINTENANCE, 2, "completed"))
    assert [*seen, desk.now] == [DEGRADED, DEGRADED, WORKED_ON, FINE]


async def test_an_event_that_began_while_another_lasted_puts_back_what_was_before_both(
    desk: Desk,
) -> None:
    steps = [
        later(MAINTENANCE, 0, "in_progress"),
        INCIDENT,
        later(MAINTENANCE, 1, "completed"),
        later(INCIDENT, 1, "resolved"),
    ]
    seen = []
    for said in steps:
        await desk.publish(said)
        seen.append(desk.now)
    assert seen == [WORKED_ON, DEGRADED, DEGRADED, FINE]


async def test_a_maintenance_does_not_make_an_incident_look_better(desk: Desk) -> None:
    steps = [
        INCIDENT,
        later(MAINTENANCE, 0, "in_progress"),
        later(INCIDENT, 1, "resolved"),
        later(MAINTENANCE, 1, "completed"),
    ]
    seen = []
    for said in steps:
        await desk.publish(said)
        seen.append(desk.now)
    assert seen == [DEGRADED, DEGRADED, WORKED_ON, FINE]


async def test_what_a_notice_names_goes_before_what_is_configured(desk: Desk) -> None:
    await desk.publish(msgspec.structs.replace(INCIDENT, components=("search", "c-mail")))
    assert desk.page.bodies[0]["component_ids"] == ["c-search", "c-mail"]
    assert desk.now == FINE


async def test_a_word_that_the_page_does_not_know_keeps_nothing_back(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.publish(msgspec.structs.replace(INCIDENT, components=("The checkout",)))
    assert desk.page.bodies[0]["component_ids"] == ["c-checkout"]
    assert "has no component 'The checkout'" in caplog.text


async def test_a_page_without_components_is_not_asked_for_them(desk: Desk) -> None:
    plain = msgspec.structs.replace(INCIDENT, components=())
    await desk.adapter(components={}).publish(plain, PAGE, "k")
    assert all("components" not in path for _, path in desk.page.calls)


# -- trouble -------------------------------------------------------------------------------------


async def test_calls_keep_the_pace_that_the_key_is_allowed(desk: Desk) -> None:
    adapter = desk.adapter()
    for number in range(30):
        await adapter.publish(later(INCIDENT, number, "investigating"), PAGE, f"k{number}")
    assert len(desk.page.calls) == 90
    assert desk.clock.time == 89.0


@pytest.mark.thorough
async def test_without_a_pace_the_page_would_refuse(desk: Desk) -> None:
    adapter = desk.adapter(interval=0.0)
    for number in range(20):
        await adapter.publish(later(INCIDENT, number, "investigating"), PAGE, f"k{number}")
    with pytest.raises(TemporaryError) as error:
        await adapter.publish(later(INCIDENT, 20, "resolved"), PAGE, "k20")
    assert error.value.retry_after == timedelta(seconds=60)


@pytest.mark.parametrize(("status", "after"), [(420, ""), (429, "7"), (429, "soon")])
async def test_being_throttled_waits_as_long_as_was_said(
    desk: Desk, status: int, after: str
) -> None:
    desk.page.fault("POST", status, **({"Retry_After": after} if after else {}))
    with pytest.raises(TemporaryError) as error:
        await desk.publish(INCIDENT)
    assert error.value.retry_after == timedelta(seconds=7 if after == "7" else 60)
    assert not error.value.unknown


async def test_a_broken_page_is_looked_at_before_it_is_written_to_again(desk: Desk) -> None:
    desk.page.fault("POST", 502)
    with pytest.raises(TemporaryError, match="answered 502") as error:
        await desk.publish(INCIDENT)
    assert error.value.unknown
    desk.page.fault("GET", 500)
    with pytest.raises(TemporaryError) as error:
        await desk.publish(INCIDENT)
    assert not error.value.unknown


async def test_a_wrong_key_is_told_and_never_shown(desk: Desk) -> None:
    adapter = desk.adapter(key=Secret("never-shown"))
    with pytest.raises(PermanentError) as error:
        await adapter.publish(INCIDENT, PAGE, "k")
    assert error.value.code == "not_authorized"
    assert "never-shown" not in str(error.value)


async def test_what_the_page_refuses_is_told_in_its_words(desk: Desk) -> None:
    with pytest.raises(PermanentError, match="Status lost is not valid"):
        await desk.publish(later(INCIDENT, 0, "lost"))


async def test_a_text_that_is_too_long_is_not_cut(desk: Desk) -> None:
    long = {"title": "t" * 300, "text": "x" * 25_000}
    await desk.publish(msgspec.structs.replace(INCIDENT, **long))
    assert len(desk.page.incidents[0]["name"]) == 255
    with pytest.raises(PermanentError, match="takes 25000 characters"):
        await desk.publish(later(INCIDENT, 1, "identified", text="x" * 25_001))


async def test_a_page_that_is_not_the_one_configured_is_refused(desk: Desk) -> None:
    with pytest.raises(PermanentError, match="the page is kctbh9vrtdwd now"):
        await desk.adapter().publish(INCIDENT, "another", "k")


@pytest.mark.parametrize("kept", [{OURS: {"event": 7}}, {OURS: {}}, {}, None])
async def test_metadata_that_is_not_as_we_write_it_is_somebody_elses(desk: Desk, kept: Any) -> None:
    desk.page.incidents.append({"id": "x", "name": "x", "status": "resolved", "metadata": kept})
    await desk.publish(INCIDENT)
    assert len(desk.page.incidents) == 2


# -- before it is needed -------------------------------------------------------------------------


async def test_the_page_is_tried_without_writing_on_it(desk: Desk) -> None:
    looks = await desk.adapter().examine(["checkout"])
    assert [(look.status, look.text) for look in looks] == [("ok", "has 3 components")]
    assert desk.written == 0


async def test_what_the_page_does_not_have_is_told_with_the_nearest_name(desk: Desk) -> None:
    wrong = {"checkout": ["Chekout"], "search": ["c-search"]}
    _, look = await desk.adapter(components=wrong).examine(["checkout", "search"])
    assert look.text == "the page has no component 'Chekout' (did you mean 'Checkout'?)"
    (look,) = await desk.adapter(key=Secret("x")).examine([])
    assert (look.status, "COUNTERSIGN_STATUSPAGE_KEY" in look.do) == ("fail", True)
