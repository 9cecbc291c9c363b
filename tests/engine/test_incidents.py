"""Incidents on both databases: a crash in the middle of each clock loses and repeats nothing."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Connection

from bot.domain.incident import ActionAdded, Incident, Resolved, Updated
from bot.domain.incident_rules import IncidentsDocument
from bot.domain.incident_terms import Severity
from bot.domain.people import Actor
from bot.domain.reports import Report
from bot.domain.rollout import Phase
from bot.engine.declaring import Incidents
from bot.engine.incident_means import Means
from bot.engine.incident_work import NAME
from bot.engine.incidents import Opened
from bot.engine.standup_incidents import recoveries
from bot.store.queries import reports
from tests.engine.world import World

ADA = Actor("ada", "U0ADA", ("security",))
MINUTE = timedelta(minutes=1)


async def opened(world: World, **more: object) -> Incident:
    world.means = Means(rules=IncidentsDocument(escalation=("ada", "mary", "grace"), updates={}))
    world.engine = world.build()
    found = Opened(
        id="i1",
        service="shop",
        environment="production",
        title="nothing can be bought",
        severity=Severity.CRITICAL,
        began_at=world.clock.now(),
        actor=ADA,
    )
    incident = await incidents(world).declare(msgspec.structs.replace(found, **more))
    await world.engine.settle()
    return incident


def incidents(world: World) -> Incidents:
    return Incidents(world.engine, world.engine.kind(NAME), world.means)


async def the(world: World) -> Incident:
    found = await incidents(world).find("i1")
    assert found is not None
    return found


def said(world: World, words: str, channel: str = "") -> int:
    found = [m.text for (place, _), m in world.chat.messages.items() if channel in ("", place)]
    return sum(words in text for text in found)


async def wait(world: World, span: timedelta, *, crash: bool = True) -> None:
    """Time passes; the process is gone before it is over, and goes on half a minute later."""
    world.clock.advance(span.total_seconds() - 31)
    await world.engine.settle()
    if crash:
        await world.crash()
    else:
        world.clock.advance(31)
    await world.engine.settle()


async def test_a_crash_in_each_clock_loses_none_and_repeats_none(world: World) -> None:
    await opened(world)
    assert said(world, "You are needed", "DU0ADA") == 1
    for who, count in (("DU0MARY", 1), ("DU0GRACE", 2), ("", 3)):
        await wait(world, 5 * MINUTE)
        assert who == "" or said(world, "You are needed", who) == 1
        assert said(world, "Nobody has acknowledged", "C0CRITICAL") == count
    await wait(world, 60 * MINUTE)
    assert said(world, "Nobody has acknowledged", "C0CRITICAL") == 3
    await world.engine.apply("i1", Resolved(ADA, "mended"), kind=NAME)
    due = world.clock.now() + timedelta(days=3)
    await world.engine.apply("i1", ActionAdded(ADA, "look twice", "grace", due), kind=NAME)
    await wait(world, timedelta(days=1))
    await wait(world, timedelta(hours=1))
    assert said(world, "The post-mortem was due", "C0CRITICAL") == 1
    await wait(world, timedelta(days=2))
    await wait(world, timedelta(hours=1))
    assert said(world, "Action 1 is due", "DU0GRACE") == 1
    assert await world.dead_letters() == []
    await world.verify_audit()


async def test_two_processes_at_one_instant_call_the_next_one_once(world: World) -> None:
    await opened(world)
    other = world.build()
    world.clock.advance(300)
    await asyncio.gather(world.engine.settle(), other.settle())
    await asyncio.gather(other.settle(), world.engine.settle())
    assert said(world, "You are needed", "DU0MARY") == 1
    assert said(world, "Nobody has acknowledged", "C0CRITICAL") == 1
    assert (await the(world)).called == 2


async def test_declaring_the_same_one_again_changes_nothing(world: World) -> None:
    await opened(world)
    await opened(world, title="something else")
    assert (await the(world)).title == "nothing can be bought"
    assert (
        said(world, "Look now") + said(world, "nothing can be bought, critical", "C0CRITICAL") == 1
    )


@pytest.mark.thorough
async def test_a_release_that_begins_later_knows_of_an_open_incident(world: World) -> None:
    await opened(world)

    def standing(conn: Connection) -> list[str]:
        return [each.kind for each in reports.standing(conn, "shop", "production")]

    assert await world.store.transact(standing) == ["critical"]
    await world.engine.apply("i1", Resolved(ADA, "mended"), kind=NAME)
    await world.engine.settle()
    assert await world.store.transact(standing) == []


@pytest.mark.thorough
async def test_what_becomes_of_the_release_is_captured(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.SOAKING)
    await opened(world)
    found = await the(world)
    assert (found.rollout_id, found.version) == ("r1", "v2")
    rollout = await world.rollout()
    assert rollout.phase is Phase.PAUSED  # a critical one that a person declares holds it
    assert any("v2 is paused" in entry.text for entry in found.timeline)


async def test_an_incident_and_the_report_of_it_are_one_recovery(world: World) -> None:
    began = world.clock.now()
    await opened(world)
    await world.engine.apply("i1", Updated(ADA, severity="major"), kind=NAME)
    world.clock.advance(600)
    await world.engine.apply("i1", Resolved(ADA, "mended"), kind=NAME)
    await world.engine.settle()
    place = ("shop", "production")
    reported = Report("minor", "by hand", began, source="incident")

    def unit(conn: Connection) -> list[float]:
        reports.keep(conn, *place, reported, began)
        over = msgspec.structs.replace(reported, open=False)
        reports.keep(conn, *place, over, began + 20 * MINUTE)
        return recoveries(conn, place, began)

    assert sorted(await world.store.transact(unit)) == [600.0, 1200.0]


@pytest.mark.thorough
async def test_what_its_release_measured_last_is_kept_whoever_opened_it(world: World) -> None:
    await world.start()
    await world.sign()
    await world.until(Phase.SOAKING)
    world.clock.advance(2)
    await world.engine.settle()
    await opened(world, severity=Severity.MINOR)
    kept = [entry.text for entry in (await the(world)).timeline if "Measured: " in entry.text]
    assert len(kept) == 1
    assert "error_rate < 1%" in kept[0]
