"""Messages to very many, and one clock for the next word, through crashes on both databases."""

import msgspec
import pytest

from bot.domain.events import Whisper
from bot.domain.incident import Published, Resolved
from bot.domain.incident_rules import IncidentsDocument
from bot.domain.incident_terms import Severity
from bot.domain.notice import INCIDENT, Stage
from bot.domain.notice_events import Discarded, Pressed
from bot.engine.declaring import Incidents
from bot.engine.incident_means import Means
from bot.engine.incident_work import NAME as INCIDENTS
from bot.engine.incidents import Opened
from bot.engine.notice_work import NAME
from bot.engine.outbox import Outbox
from bot.store.database import Store
from tests.domain.notice_world import ADA
from tests.engine.test_notices import Letterbox, begun, box, notice, notices
from tests.engine.world import World


def writing_to(store: Store, count: int, part: int) -> World:
    """A house that writes to so many people, so many of them at a time."""
    made = World(store)
    publishers = {"email": Letterbox(*(f"{number:05}@x.com" for number in range(count)))}
    made.publishing = msgspec.structs.replace(made.publishing, publishers=publishers, part=part)
    made.engine = made.build()
    return made


async def approve(world: World) -> None:
    letter = (await notice(world)).letters[0]
    await world.engine.apply("n1", Pressed(ADA, 0, letter.digest), kind=NAME)


async def some(world: World, turns: int) -> None:
    """A few turns of the outbox, and the process is gone in the middle of the next one."""
    outbox: Outbox = world.engine._outbox
    for _ in range(turns):
        await outbox.drain()
    await outbox.start_some()
    await outbox.finish(0.0)


@pytest.mark.parametrize(
    "turns", [1, *(pytest.param(turns, marks=pytest.mark.thorough) for turns in (2, 4))]
)
async def test_a_crash_between_two_parts_loses_nobody_and_writes_to_nobody_twice(
    inline_store: Store, turns: int
) -> None:
    world = writing_to(inline_store, count=9, part=2)
    await begun(world, INCIDENT, "investigating")
    await approve(world)
    await some(world, turns)
    await world.crash()
    await world.engine.settle()
    done = await notice(world)
    assert done.letters[0].stage is Stage.PUBLISHED
    assert done.letters[0].tallies["email en"].done == 9
    assert sorted(place for place, _ in box(world).arrived.values()) == list(box(world).places)


@pytest.mark.thorough
async def test_hundreds_get_it_once_each_in_their_parts(inline_store: Store) -> None:
    world = writing_to(inline_store, count=300, part=90)
    await begun(world, INCIDENT, "investigating")
    await approve(world)
    await world.engine.settle()
    assert len(box(world).arrived) == len(box(world).tries) == 300
    assert (await notice(world)).letters[0].stage is Stage.PUBLISHED


# --- one clock --------------------------------------------------------------------------------


async def declared(store: Store) -> World:
    """An incident of the team, of which customers are to hear."""
    world = World(store)
    rules = IncidentsDocument(updates={Severity.CRITICAL: "5m"})
    world.means = Means(rules=rules)
    world.engine = world.build()
    found = Opened(
        id="n1",
        service="shop",
        environment="production",
        title="nothing can be bought",
        severity=Severity.CRITICAL,
        began_at=world.clock.now(),
        actor=ADA,
    )
    await Incidents(world.engine, world.engine.kind(INCIDENTS), world.means).declare(found)
    await world.engine.settle()
    return world


async def half_an_hour(world: World) -> tuple[int, int]:
    """How often the next word is asked for by the notice, and by the incident."""
    for _ in range(30):
        world.clock.advance(60)
        await world.engine.settle()
    said = [message.text for message in world.chat.messages.values()]
    return (
        sum("The next word to customers" in text for text in said),
        sum("A word on how it stands is due" in text for text in said),
    )


async def test_where_customers_are_told_the_clock_of_the_notice_is_the_only_one(
    inline_store: Store,
) -> None:
    world = await declared(inline_store)
    assert (await notice(world)).due_at is not None
    customers, team = await half_an_hour(world)
    assert customers > 1
    assert team == 0


@pytest.mark.thorough
async def test_where_customers_hear_nothing_the_incident_reminds_by_itself(
    inline_store: Store,
) -> None:
    world = await declared(inline_store)
    applied = await world.engine.apply("n1", Discarded(ADA, 0, "nobody noticed"), kind=NAME)
    assert not any(isinstance(effect, Whisper) for effect in applied.effects)
    customers, team = await half_an_hour(world)
    assert customers == 0
    assert team > 1


@pytest.mark.thorough
async def test_a_post_mortem_that_is_published_is_drafted_for_customers_too(
    inline_store: Store,
) -> None:
    world = await declared(inline_store)
    apply = world.engine.apply
    await approve(world)
    await world.engine.settle()
    await apply("n1", Resolved(ADA, "the index was missing"), kind=INCIDENTS)
    await apply("n1", Published(ADA, "https://wiki.example/1", "an index"), kind=INCIDENTS)
    await world.engine.settle()
    letter = (await notices(world).find("n1") or await notice(world)).letters[-1]
    assert (letter.occasion, letter.stage) == ("post_mortem", Stage.DRAFT)
    assert letter.facts["link"] == "https://wiki.example/1"
    assert letter.facts["summary"] == "an index"
