"""What other systems report: taken in once, carried out afterwards, and never a way up."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, text

from bot.domain.breaches import LOUD
from bot.domain.reports import alarms, open_of, reports_of
from bot.domain.rollout import Phase
from bot.domain.signing import sign
from bot.engine.inbox import ATTEMPTS
from tests.scenarios.world import HOOK_TOKEN, World

Json = dict[str, Any]

REPORT = {
    "event": "data_corruption",
    "service": "checkout",
    "environment": "production",
    "id": "e1",
}


def alert(name: str = "HighErrorRate", **labels: str) -> Json:
    """One alert as Alertmanager sends it."""
    usual = {"alertname": name, "service": "checkout", "severity": "critical"}
    return {
        "status": "firing",
        "labels": usual | labels,
        "annotations": {"summary": "12 % of the requests fail"},
        "startsAt": "2026-11-21T10:00:00.123Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"f-{name}",
    }


def delivery(*alerts: Json, **more: Any) -> Json:
    """What Alertmanager posts for a group."""
    head = {"version": "4", "groupKey": "{}:{}", "status": "firing", "truncatedAlerts": 0}
    return head | {"alerts": list(alerts)} | more


async def alerted(world: World, *alerts: Json, **more: Any) -> httpx.Response:
    return await world.hook("/hooks/alertmanager", delivery(*alerts, **more))


async def said_to(world: World, path: str, body: str) -> httpx.Response:
    """What the bot answers at once."""
    return await world.bot_says(path, body, {"authorization": f"Bearer {HOOK_TOKEN}"})


async def run(world: World, statement: str) -> None:
    def unit(conn: Connection) -> None:
        conn.execute(text(statement))

    await world.bot.store.transact(unit)


async def disk_full(world: World) -> None:
    await run(
        world,
        "CREATE TRIGGER full BEFORE UPDATE OF phase ON rollout WHEN NEW.phase = 'paused' "
        "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )


# --- events ---------------------------------------------------------------------------------


@pytest.mark.thorough
async def test_what_could_not_be_written_is_carried_out_when_it_can(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    await disk_full(world)
    answer = await world.hook("/hooks/events", REPORT | {"event": "data_loss"})
    assert answer.status_code == 202
    assert (await world.rollout()).phase is Phase.SOAKING
    await run(world, "DROP TRIGGER full")
    await world.until(Phase.PAUSED, within=timedelta(seconds=20))
    world.page_about("data loss was reported")


@pytest.mark.thorough
async def test_a_report_that_is_given_up_calls_somebody(world: World) -> None:
    await world.soaking(1, more="--plan patient")
    await disk_full(world)
    await world.hook("/hooks/events", REPORT)
    world.step = timedelta(seconds=30)
    await world.advance(seconds=30 * ATTEMPTS)
    await run(world, "DROP TRIGGER full")
    world.page_about("A report on checkout production could not be taken in (data_corruption)")


@pytest.mark.thorough
async def test_a_report_outlives_a_crash(world: World) -> None:
    await world.soaking(5)
    await said_to(world, "/hooks/events", json.dumps(REPORT))
    await world.crash()
    assert (await world.rollout()).phase is Phase.PAUSED
    world.page_about("data corruption was reported")


@pytest.mark.thorough
async def test_a_report_that_comes_in_twice_counts_once(world: World) -> None:
    await world.soaking(5)
    await world.hook("/hooks/events", REPORT)
    world.page_about("data corruption was reported")
    await world.click("ada", "resume")
    again = await world.hook("/hooks/events", REPORT)
    assert (again.status_code, again.json()["rollouts"]) == (200, [])
    assert (await world.rollout()).phase is Phase.SOAKING
    assert reports_of(await world.rollout(), "data_corruption") == 1
    another = await world.hook("/hooks/events", REPORT | {"id": "e2"})
    assert another.status_code == 202
    assert (await world.rollout()).phase is Phase.PAUSED
    world.page_about("data corruption was reported")


@pytest.mark.thorough
async def test_the_plan_says_what_an_event_does(world: World) -> None:
    rollout = await world.soaking(50, more="--plan watchful")
    answer = await world.hook("/hooks/events", REPORT | {"event": "slow-queries"})
    assert answer.json() == {"rollouts": [rollout.id], "does": "step_back"}
    world.page_about("slow queries was reported")
    assert (await world.until(Phase.PAUSED)).weight == 5
    answer = await world.hook("/hooks/events", REPORT | {"id": "e2"})
    assert answer.json()["does"] == "rollback"
    await world.until(Phase.ROLLED_BACK)
    world.page_about("data corruption was reported")


@pytest.mark.thorough
async def test_an_event_that_the_plan_does_not_name_does_what_the_house_says(
    world: World,
) -> None:
    await world.soaking(5, more="--plan watchful")
    answer = await world.hook("/hooks/events", REPORT | {"event": "office_on_fire"})
    assert answer.json()["does"] == "notify"
    assert (await world.rollout()).phase is Phase.SOAKING
    assert world.said("office on fire was reported")


async def test_where_nothing_is_live_it_says_so(world: World) -> None:
    answer = await world.hook("/hooks/events", REPORT)
    assert answer.status_code == 200
    assert answer.json()["note"] == "nothing is live on checkout production; it is kept"


UNCLEAR: Sequence[tuple[Json, int, str]] = (
    ({"event": "data_coruption"}, 422, "did you mean 'data_corruption'? Nothing was done."),
    ({"event": "", "report": "escalations"}, 422, "did you mean 'escalation'?"),
    ({"service": "chekout"}, 422, "did you mean 'checkout'?"),
    ({"environment": "prod"}, 422, "known here: production, staging"),
    ({"environment": ""}, 400, "missing: environment"),
    ({"event": ""}, 400, "missing: `event`"),
    ({"incident": "critical"}, 400, "missing: `event`"),
    ({"detail": 7}, 400, "not text: detail"),
    ({"at": "today"}, 400, "`at` is not an instant"),
    ({"at": "2026-11-21T10:00:00"}, 400, "`at` has no time zone"),
    ({"state": "over"}, 400, "`state` is open or closed"),
    ({"state": "closed"}, 400, "only a report or an incident closes"),
)


async def test_what_cant_be_understood_is_refused_with_what_to_do(world: World) -> None:
    for change, status, words in UNCLEAR:
        answer = await said_to(world, "/hooks/events", json.dumps(REPORT | change))
        assert answer.status_code == status, (change, answer.text)
        assert words in answer.json()["error"]


GARBAGE: Sequence[tuple[str, str, int, str]] = (
    ("/hooks/events", "{", 400, "not JSON"),
    ("/hooks/events", '{"event": NaN}', 400, "not JSON"),
    ("/hooks/events", "[" * 100_000, 400, "not JSON"),
    ("/hooks/events", '"' + "x" * 1024 * 1024 + '"', 413, "larger than 1 MiB"),
    ("/hooks/events", "[]", 400, "JSON object"),
    ("/hooks/alertmanager", "[]", 422, "no list `alerts`"),
    ("/hooks/alertmanager", '{"alerts": [], "version": "5"}', 422, "version '5'"),
    ("/hooks/alerts", "{}", 404, "/hooks/alertmanager"),
)


async def test_what_is_no_report_at_all_is_refused(world: World) -> None:
    for path, body, status, words in GARBAGE:
        answer = await said_to(world, path, body)
        assert answer.status_code == status, (path, body[:40], answer.text)
        assert words in answer.json()["error"]


async def test_without_the_token_nobody_learns_anything(world: World) -> None:
    for path in ("/hooks/events", "/hooks/alertmanager", "/hooks/nothing"):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": HOOK_TOKEN}):
            assert (await world.bot_says(path, json.dumps(REPORT), headers)).status_code == 401


def signed(world: World, body: str, *, age: float = 0, token: str = HOOK_TOKEN) -> dict[str, str]:
    """The headers of somebody who signs instead of showing the token."""
    at = str(int(world.clock.timestamp() - age))
    signature = sign(token, at, "POST", "/hooks/events", body.encode())
    return {"X-Countersign-Timestamp": at, "X-Countersign-Signature": signature}


@pytest.mark.thorough
async def test_a_signed_report_is_taken_in_once_and_only_while_it_is_fresh(world: World) -> None:
    await world.soaking(5)
    body = json.dumps({key: value for key, value in REPORT.items() if key != "id"})
    for headers in (
        signed(world, body, token="another"),
        signed(world, body + " "),
        signed(world, body, age=301),
        signed(world, body, age=-301),
        {**signed(world, body), "X-Countersign-Timestamp": "now"},
    ):
        assert (await world.bot_says("/hooks/events", body, headers)).status_code == 401
    headers = signed(world, body)
    answers = [await world.bot_says("/hooks/events", body, headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    await world.until(Phase.PAUSED)
    world.page_about("data corruption was reported")


# --- incidents and counts ---------------------------------------------------------------------


@pytest.mark.thorough
async def test_an_incident_opens_and_closes_by_its_id(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    body: Json = {**REPORT, "incident": "major", "id": "INC-7", "detail": "carts are empty"}
    del body["event"]
    await world.hook("/hooks/events", body)
    assert open_of(await world.rollout(), "major") == 1
    await world.hook("/hooks/events", body | {"state": "closed"})
    assert open_of(await world.rollout(), "major") == 0
    assert world.said("Incident (major) was opened: carts are empty.")
    assert world.said("Incident (major) was closed")


@pytest.mark.thorough
async def test_reports_are_counted(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    body: Json = {**REPORT, "report": "escalation"}
    del body["event"]
    for number in range(3):
        await world.hook("/hooks/events", body | {"id": f"t{number}"})
    assert reports_of(await world.rollout(), "escalation") == 3
    assert world.said("escalation was reported, 3 now.")


# --- Alertmanager -----------------------------------------------------------------------------


@pytest.mark.thorough
async def test_a_critical_alert_holds_the_release(world: World) -> None:
    rollout = await world.soaking(5)
    answer = await alerted(world, alert())
    assert answer.status_code == 202
    (shown,) = answer.json()["alerts"]
    assert (answer.json()["rollouts"], shown["outcome"]) == ([rollout.id], "pause")
    assert (await world.rollout()).phase is Phase.PAUSED
    world.page_about("Alert HighErrorRate (critical) fires: 12 % of the requests fail.")


async def test_an_alert_with_the_label_takes_the_release_back(world: World) -> None:
    await world.soaking(5)
    await alerted(world, alert(severity="warning", countersign="rollback"))
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Alert HighErrorRate (warning) fires")


@pytest.mark.thorough
async def test_a_plan_names_alerts_like_events(world: World) -> None:
    await world.soaking(50, more="--plan watchful")
    answer = await alerted(world, alert("SlowQueries", severity="warning"))
    assert answer.json()["alerts"][0]["outcome"] == "step_back"
    assert (await world.until(Phase.PAUSED)).weight == 5
    world.page_about("Alert SlowQueries (warning) fires")


@pytest.mark.thorough
async def test_the_same_alert_acts_once_and_a_new_beginning_anew(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    await alerted(world, alert())
    world.page_about("HighErrorRate")
    await world.click("ada", "resume")
    again = await alerted(world, alert())
    assert again.json()["alerts"][0]["outcome"].startswith("known")
    assert (await world.rollout()).phase is Phase.SOAKING
    await world.click("ada", "pause")
    over = await alerted(world, alert() | {"status": "resolved"}, status="resolved")
    assert over.json()["alerts"][0]["outcome"] == "over: noted"
    assert world.said("Alert HighErrorRate (critical) is over")
    held = await world.rollout()
    assert (held.phase, alarms(held)) == (Phase.PAUSED, 0)
    await world.click("ada", "resume")
    await alerted(world, alert() | {"startsAt": "2026-11-21T10:20:00Z"})
    assert (await world.rollout()).phase is Phase.PAUSED
    world.page_about("HighErrorRate")


@pytest.mark.thorough
async def test_a_delivery_is_sorted_by_service_and_by_what_each_alert_does(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    answer = await alerted(
        world,
        alert("DiskFull", service="checkout-api"),
        alert("LateBatch", severity="warning"),
        alert("Elsewhere", service="payments"),
        alert("Nameless", service=""),
        alert("Unknown", service="chekout"),
    )
    outcomes = {each["alert"]: each["outcome"] for each in answer.json()["alerts"]}
    assert outcomes == {
        "DiskFull": "notify",
        "LateBatch": "notify",
        "Elsewhere": "nothing live: noted",
        "Nameless": "ignored: it has no label `service`",
        "Unknown": "ignored: I know no service 'chekout'; did you mean 'checkout'?",
    }
    rollout = await world.rollout()
    assert (rollout.phase, alarms(rollout)) == (Phase.SOAKING, 2)
    world.page_about("Alert DiskFull (critical) fires")
    warned = [message.text for message in world.space.messages["C0WARNING"]]
    assert any("Alert LateBatch (warning)" in words for words in warned)


@pytest.mark.thorough
async def test_without_a_live_release_an_alert_is_answered_and_kept(world: World) -> None:
    answer = await alerted(world, alert())
    assert answer.status_code == 200
    assert answer.json()["alerts"][0]["outcome"] == "nothing live: noted"
    rollout = await world.soaking(5, more="--plan watchful")
    assert alarms(rollout, "critical") == 1
    assert world.said("Before anything moved: HighErrorRate (critical).")
    await alerted(world, alert() | {"status": "resolved"})
    assert alarms(await world.rollout()) == 0


@pytest.mark.thorough
async def test_an_alert_while_people_sign_is_shown_to_them(world: World) -> None:
    await world.start("v1.2.0", "--plan watchful")
    answer = await alerted(world, alert())
    assert answer.json()["rollouts"] == []
    assert world.said("Alert HighErrorRate (critical) fires")
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL


@pytest.mark.thorough
async def test_alerts_that_were_cut_off_hold_the_release(world: World) -> None:
    await world.soaking(5)
    await alerted(world, alert("DiskFull"), truncatedAlerts=4)
    assert (await world.rollout()).phase is Phase.PAUSED
    assert any("4 more of a group were not sent" in page for page in world.pages())


@pytest.mark.thorough
async def test_a_storm_of_alerts_does_not_bury_the_thread(world: World) -> None:
    await world.soaking(5, more="--plan watchful")
    many = [alert(severity="warning") | {"fingerprint": f"f{n}"} for n in range(LOUD + 6)]
    answer = await alerted(world, *many)
    assert len(answer.json()["alerts"]) == LOUD + 6
    assert alarms(await world.rollout()) == LOUD + 6
    await world.advance(seconds=12)
    assert sum("fires" in text for text in world.thread()) == LOUD
    assert "and 11 more" in world.card().whole
