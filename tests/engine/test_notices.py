"""Notices on both databases: each destination once, each clock once, through a restart of each."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Connection, select

from bot.domain.notice import INCIDENT, MAINTENANCE, Notice, Rendered, Sheet, Stage, Words
from bot.domain.notice_events import Drafted, Pressed, Publish, Retried
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase
from bot.engine.notice_work import NAME
from bot.engine.notices import Notices, notice_kind
from bot.ports import Announcement, Delivered, PermanentError, TemporaryError
from bot.store import tables
from bot.store.database import Store
from tests.domain.notice_world import ADA, HOUR, MARY, MINUTE, WRITING, blank
from tests.engine.world import DOCUMENT, World


class Letterbox:
    """Implements `Publisher`: remembers what arrived by its key, and fails as it is told."""

    def __init__(self, *places: str) -> None:
        self.places = places
        self.arrived: dict[str, tuple[str, str]] = {}
        self.faults: dict[str, list[Exception]] = {}
        self.tries: list[str] = []

    async def destinations(self, announcement: Announcement) -> Sequence[str]:
        return self.places

    async def publish(self, announcement: Announcement, destination: str, key: str) -> Delivered:
        self.tries.append(destination)
        waiting = self.faults.get(destination)
        if waiting:
            raise waiting.pop(0)
        assert key not in self.arrived
        self.arrived[key] = (destination, announcement.status)
        return Delivered("ref")


@pytest.fixture
async def world(inline_store: Store) -> World:
    made = World(inline_store)
    box = Letterbox("a@x.com", "b@x.com")
    made.publishing = msgspec.structs.replace(
        made.publishing, publishers={"email": box}, channels={"en": ("C0STATUS",)}
    )
    made.engine = made.build()
    return made


def box(world: World) -> Letterbox:
    found = world.publishing.publishers["email"]
    assert isinstance(found, Letterbox)
    return found


def notices(world: World) -> Notices:
    return Notices(world.store, world.engine.kind(NAME), world.publishing)


async def notice(world: World) -> Notice:
    found = await notices(world).find("n1")
    assert found is not None
    return found


async def begun(world: World, kind: str, occasion: str) -> Notice:
    start = blank(kind, created_at=world.clock.now())
    await notices(world).draft(start, Drafted(MARY, occasion, source="first"))
    await world.engine.settle()
    return await notice(world)


async def approved(world: World) -> Notice:
    letter = (await notice(world)).newest
    assert letter is not None
    await world.engine.apply("n1", Pressed(ADA, letter.number, letter.digest), kind=NAME)
    await world.engine.settle()
    return await notice(world)


def turn_to(world: World, at: datetime) -> None:
    world.clock.advance(max(0.0, (at - world.clock.now()).total_seconds()))


async def let(world: World, span: timedelta, *, crash: bool = False) -> None:
    """Time passes from one thing that is due to the next; crash: with a restart before each."""
    end = world.clock.now() + span
    while (at := (await notice(world)).next_check_at) is not None and at <= end:
        if crash:
            turn_to(world, at - timedelta(seconds=31))
            await world.crash()
        turn_to(world, at)
        await world.engine.settle()
    turn_to(world, end)
    await world.engine.settle()


@pytest.mark.requirement("P-134", "S-090")
async def test_what_is_approved_reaches_every_place_and_the_card_says_so(world: World) -> None:
    await begun(world, INCIDENT, "investigating")
    assert box(world).arrived == {}
    done = await approved(world)
    assert done.letters[0].stage is Stage.PUBLISHED
    assert sorted(box(world).arrived.values()) == [
        ("a@x.com", "investigating"),
        ("b@x.com", "investigating"),
    ]
    assert len(world.chat.texts("C0STATUS")) == 1
    await world.pass_time(2)
    assert "published" in world.chat.texts("C1", threads=False)[0]
    await world.verify_audit()


async def test_a_place_that_fails_is_tried_again_alone(world: World) -> None:
    box(world).faults = {"a@x.com": [TemporaryError("busy"), PermanentError("no such mailbox")]}
    await begun(world, INCIDENT, "investigating")
    await approved(world)
    await world.pass_time(5)
    failed = await notice(world)
    assert failed.letters[0].stage is Stage.FAILED
    assert failed.letters[0].tallies["email en"].failed == {"a@x.com": "no such mailbox"}
    await world.engine.apply("n1", Retried(MARY, 0), kind=NAME)
    await world.engine.settle()
    assert (await notice(world)).letters[0].stage is Stage.PUBLISHED
    assert box(world).tries.count("b@x.com") == 1
    assert len(world.chat.texts("C0STATUS")) == 1


async def test_a_crash_between_the_places_repeats_nothing(world: World) -> None:
    box(world).faults = {"a@x.com": [TemporaryError("busy")]}
    await begun(world, INCIDENT, "investigating")
    await approved(world)
    await world.crash()
    await world.engine.settle()
    assert (await notice(world)).letters[0].stage is Stage.PUBLISHED
    assert len(box(world).arrived) == 2


async def test_a_lost_answer_of_the_chat_posts_once(world: World) -> None:
    await begun(world, INCIDENT, "investigating")
    letter = (await notice(world)).letters[0]
    await world.engine.apply("n1", Pressed(ADA, 0, letter.digest), kind=NAME)
    world.chat.fail("post", TemporaryError("the answer is lost", unknown=True), applied=True)
    await world.engine.settle()
    await world.pass_time(5)
    assert (await notice(world)).letters[0].stage is Stage.PUBLISHED
    assert len(world.chat.texts("C0STATUS")) == 1


async def test_two_processes_at_one_instant_remind_once(world: World) -> None:
    await begun(world, INCIDENT, "investigating")
    other = world.build()
    turn_to(world, world.clock.now() + 5 * MINUTE)
    await asyncio.gather(world.engine.settle(), other.settle())
    await asyncio.gather(other.settle(), world.engine.settle())
    assert len(world.chat.texts("DU0MARY")) == 1


@pytest.mark.parametrize("crash", [False, pytest.param(True, marks=pytest.mark.thorough)])
async def test_the_clock_of_the_next_word_survives_restarts(world: World, crash: bool) -> None:
    await begun(world, INCIDENT, "investigating")
    await let(world, 11 * MINUTE, crash=crash)
    assert len(world.chat.texts("DU0MARY")) == 2
    said = [text for text in world.chat.texts("C1") if "was due" in text]
    assert len(said) == 1


async def test_the_clocks_of_a_maintenance_survive_a_restart_before_each(world: World) -> None:
    await begun(world, MAINTENANCE, "scheduled")
    await approved(world)
    await let(world, HOUR, crash=True)
    assert [letter.occasion for letter in (await notice(world)).letters] == [
        "scheduled",
        "in_progress",
    ]
    await approved(world)
    await let(world, 2 * HOUR, crash=True)
    assert [letter.occasion for letter in (await notice(world)).letters][2:] == ["completed"]


async def test_an_approval_that_waits_is_reminded_of_once_an_hour_through_restarts(
    world: World,
) -> None:
    await begun(world, MAINTENANCE, "scheduled")
    await world.engine.apply("n1", Pressed(MARY, 0), kind=NAME)
    await world.engine.settle()
    asked = len(world.chat.texts("DU0ADA"))
    await let(world, HOUR + MINUTE, crash=True)
    assert len(world.chat.texts("DU0ADA")) == asked + 1


@pytest.mark.thorough
def test_what_goes_to_a_status_page_goes_one_by_one_whichever_event_it_is_about() -> None:
    route = notice_kind(WRITING).route
    first, second = blank(INCIDENT), blank(MAINTENANCE, id="n2")
    page, mail = Publish(0, "statuspage en", "page"), Publish(0, "email en", "a@x.com")
    assert route(first, page).stream == route(second, page).stream != ""
    assert route(first, mail).stream != route(second, mail).stream


async def test_the_signature_is_a_row_of_its_own(world: World) -> None:
    await begun(world, INCIDENT, "investigating")
    await approved(world)

    def people(conn: Connection) -> list[str]:
        mine = tables.approval.c.kind == NAME
        return list(conn.execute(select(tables.approval.c.person).where(mine)).scalars())

    assert await world.store.transact(people) == ["ada"]


TOLD = {
    **DOCUMENT,
    "plan": "told",
    "comms": [
        {"at": "-7d", "send": ["announce"]},
        {"when": "wave", "send": ["status"]},
        {"at": "+7d", "send": ["success"]},
    ],
}


@pytest.mark.thorough
@pytest.mark.requirement("P-130", "P-132")
async def test_a_release_drafts_its_words_and_a_person_sends_them(world: World) -> None:
    await world.start("r1", "v2", plan=compile_plan(TOLD))
    await world.sign("r1")
    await world.until(Phase.COMPLETED)
    made = await notices(world).find("r1")
    assert made is not None
    assert [letter.occasion for letter in made.letters] == [
        "announced",
        "in_progress",
        "phase_update",
        "success",
    ]
    assert all(letter.stage is Stage.DRAFT for letter in made.letters)
    assert box(world).arrived == {}
    turn_to(world, made.later[0].at)
    await world.crash()
    await world.engine.settle()
    after = await notices(world).find("r1")
    assert after is not None
    assert [letter.occasion for letter in after.letters][4:] == ["followed_up"]


class Inside(Letterbox):
    """Tells what is meant for customers and what for an audience inside."""

    async def destinations(self, announcement: Announcement) -> Sequence[str]:
        return (f"{announcement.audience}@x.com",) if announcement.audience else self.places


BRIEFED = {
    **DOCUMENT,
    "plan": "briefed",
    "comms": [
        {"at": "-1d", "to": "engineering"},
        {"at": "-1d", "to": "nobody"},
        {"when": "end", "to": "engineering"},
    ],
}


async def briefed(world: World) -> None:
    """A release of which engineering is to hear, and somebody whom nobody can reach."""
    inside = {"engineering": ("C0ENG",)}
    writing = msgspec.structs.replace(
        world.publishing.writing, audiences=frozenset(inside), render=_said
    )
    world.publishing = msgspec.structs.replace(
        world.publishing,
        writing=writing,
        inside=inside,
        zones=("UTC",),
        publishers={"email": Inside("c@x.com")},
    )
    world.engine = world.build()
    await world.start("r1", "v2", plan=compile_plan(BRIEFED))


async def test_an_audience_inside_alone_hears_what_is_meant_for_it(world: World) -> None:
    await briefed(world)
    briefing, unheard = [await notices(world).find(f"r1-{to}") for to in ("engineering", "nobody")]
    assert briefing is not None
    assert unheard is not None
    assert [problem.field for problem in unheard.letters[0].problems] == ["audience"]
    await press(world, briefing)
    assert world.chat.texts("C0ENG") != []
    assert world.chat.texts("C0STATUS") == []
    assert list(box(world).arrived.values()) == [("engineering@x.com", "briefed")]


@pytest.mark.thorough
@pytest.mark.requirement("S-085", "S-086")
async def test_at_the_end_of_a_release_engineering_is_reported_to_with_what_was_measured(
    world: World,
) -> None:
    await briefed(world)
    await world.sign("r1")
    await world.until(Phase.COMPLETED)
    after = await notices(world).find("r1-engineering")
    assert after is not None
    assert after.letters[1].occasion == "reported"
    assert "v2 has all the traffic." in after.letters[1].main.text
    assert "error_rate < 1%: " in after.letters[1].main.text


def _said(sheet: Sheet) -> Rendered:
    text = "\n".join(f"{name}: {value}" for name, value in sorted(sheet.values.items()))
    return Rendered((Words("en", sheet.template, text),))


async def press(world: World, found: Notice) -> None:
    """Somebody approves the newest message."""
    letter = found.letters[-1]
    pressed = Pressed(ADA, letter.number, letter.digest)
    await world.engine.apply(found.id, pressed, kind=NAME)
    await world.engine.settle()
