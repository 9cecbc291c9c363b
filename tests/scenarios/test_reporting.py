"""What people report in Slack and on the command line."""

from typing import Any

import pytest

from bot.domain.reports import open_of, reports_of
from bot.domain.rollout import Phase
from tests.scenarios.world import World


async def told(world: World, person: str, line: str) -> str:
    """The one answer to a line."""
    await world.say(person, line)
    return world.whisper(person)


async def admin(world: World, args: str, verb: str = "event") -> tuple[int, str]:
    body: dict[str, Any] = {"verb": verb, "args": args, "person": "grace"}
    answer = await world.hook("/admin/release", body)
    return answer.status_code, answer.json()["message"]


@pytest.mark.thorough
async def test_an_event_typed_in_slack_does_what_the_plan_says(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    await world.say("ada", "/release event data_corruption carts lose their content")
    await world.until(Phase.ROLLED_BACK)
    world.page_about("data corruption was reported by <@U0ADA>: carts lose their content")


@pytest.mark.thorough
async def test_somebody_without_a_role_holds_it(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    await world.say("new", "/release event data-corruption checkout")
    held = await world.rollout()
    assert (held.phase, reports_of(held, "data_corruption")) == (Phase.PAUSED, 1)
    world.page_about("somebody with a role decides whether it is rolled back")


@pytest.mark.thorough
async def test_reports_are_counted_listed_and_taken_back(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    await world.say("new", "/release report customer_issue cards are refused")
    await world.say("mary", '/release report "customer issue" checkout once more')
    assert reports_of(await world.rollout(), "customer_issue") == 2
    assert world.said("customer issue was reported by <@U0MARY>, 2 now: once more.")
    listed = await told(world, "mary", "/release reports")
    assert "customer issue (report) since" in listed
    assert "no role" in await told(world, "new", "/release report close customer_issue")
    answer = await told(world, "ada", "/release report close customer_issue checkout solved")
    assert "Over on checkout production: customer issue, customer issue." in answer
    rollout = await world.rollout()
    assert (rollout.phase, reports_of(rollout, "customer_issue")) == (Phase.SOAKING, 0)
    assert "Nothing is reported" in await told(world, "ada", "/release reports checkout")


@pytest.mark.thorough
async def test_a_critical_incident_holds_and_is_closed_by_a_role(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    await world.say("new", "/release incident open critical carts are empty")
    held = await world.rollout()
    assert (held.phase, open_of(held, "critical")) == (Phase.PAUSED, 1)
    world.page_about("Incident (critical) was opened by <@U0NEW>: carts are empty.")
    assert "Over" in await told(world, "grace", "/release incident close critical")
    assert open_of(await world.rollout(), "critical") == 0
    assert (await world.rollout()).phase is Phase.PAUSED


async def test_an_incident_that_is_open_is_known_to_the_next_release(world: World) -> None:
    answer = await told(world, "ada", "/release incident open critical checkout")
    assert answer == "Noted: critical on checkout production. Nothing is being released there."
    rollout = await world.soaking(5, more="--plan watchful")
    assert open_of(rollout, "critical") == 1
    assert world.said("Before anything moved: critical (incident).")


@pytest.mark.thorough
async def test_a_slip_of_the_pen_is_told_and_nothing_happens(world: World) -> None:
    await world.soaking(5)
    for line, words in (
        ("event data_coruption", "did you mean 'data_corruption'?"),
        ("event", "NAME is missing"),
        ("report escalations", "did you mean 'escalation'?"),
        ("incident start critical", "'start' is neither open nor close"),
        ("incident open criticl", "did you mean 'critical'?"),
        ("incident close critical", "what holds: nothing"),
        ("report close", "Which one?"),
        ("event data_loss --env prod", "has no environment 'prod'"),
    ):
        assert words in await told(world, "ada", f"/release {line}"), line
    assert (await world.rollout()).reports == ()


@pytest.mark.thorough
async def test_the_command_line_reports_and_closes_nothing(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    status, message = await admin(world, "data_loss checkout rows are gone")
    assert (status, message) == (
        200,
        "Noted: data loss on checkout production (pause); the card shows the rest.",
    )
    assert (await world.rollout()).phase is Phase.PAUSED
    world.page_about("data loss was reported by <@U0GRACE>: rows are gone")
    status, message = await admin(world, "close data_loss checkout", verb="report")
    assert (status, "Slack vouches for" in message) == (409, True)
