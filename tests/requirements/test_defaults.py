"""How conflicts and gaps of the documents are read, where no test of one document shows it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy.dialects import sqlite

from bot.domain.days import opening_words
from bot.domain.decisions import decide
from bot.domain.events import Measured, Prepared, Seen, SetTraffic, SwitchBack, SwitchedBack
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Gauge, Measurement, Sample, Track
from bot.files import FileError
from bot.settings import Settings, load_settings
from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS
from bot.slack.cards import Cards
from bot.store.tables import Instant
from tests.config.examples import SECRETS, SMALL
from tests.domain import builders as b
from tests.requirements.acting import Drive, plans, share

NOW = b.NOW
MINUTE = timedelta(minutes=1)


def card(rollout: Rollout) -> str:
    message = Cards({}).card(rollout, NOW)
    return f"{message.text} {message.blocks}"


@pytest.mark.requirement("X-05")
@pytest.mark.parametrize("phase", list(Phase))
def test_no_card_calls_a_side_blue_or_green(phase: Phase) -> None:
    plan = plans().get("whispercache-bluegreen")
    rollout = msgspec.structs.replace(b.in_phase(phase), plan=plan, wave=0)
    shown = card(rollout).replace(plan.name, "").lower()
    assert "blue" not in shown
    assert "green" not in shown
    assert phase is Phase.PREFLIGHT or "v1.1.0" in shown, "the current version, by its name"


@pytest.mark.requirement("X-07")
def test_four_limits_on_errors_are_four_conditions_of_whispercaches_canary() -> None:
    plan = plans().get("whispercache-canary")
    gates = [gate for gate in plan.waves[0].gates if gate.text.startswith("error_rate")]
    warnings = [rule for rule in plan.alerts["warning"] if rule.text.startswith("error_rate")]
    triggers = [rule for rule in plan.triggers if rule.text.startswith("error_rate")]
    found = [*gates, *warnings, *triggers]
    assert [each.text for each in found] == [
        "error_rate < 0.1%",
        "error_rate > 0.5%",
        "error_rate > baseline + 1pp",
        "error_rate > 2%",
    ]
    assert len({each.id for each in found}) == 4


@pytest.mark.requirement("X-12")
def test_at_5_percent_the_version_before_takes_that_share_back() -> None:
    drive = Drive("proofile-staged", "canary")
    assert drive.rollout.weight == 5.0
    for _ in range(30):
        drive.look(60, {"error_rate": share(200, 1000)})
        if drive.is_in(Phase.ROLLING_BACK):
            break
    (back,) = [effect for effect in drive.effects if isinstance(effect, SwitchBack)]
    assert back.version == drive.rollout.previous
    drive.happens(SwitchedBack(drive.rollout.op_key, b.OLD))
    assert (drive.rollout.phase, drive.rollout.weight) == (Phase.ROLLED_BACK, 0.0)


@pytest.mark.requirement("X-14")
def test_the_card_shows_the_share_and_the_instances_that_the_deployer_makes_of_it() -> None:
    asked = msgspec.structs.replace(b.preparing(), plan=plans().get("whispercache-canary"))
    moving, effects = decide(asked, Prepared(asked.op_key, b.seen(0)), NOW)
    (effect,) = [each for each in effects if isinstance(each, SetTraffic)]
    assert (effect.weight, effect.instances) == (5.0, 1)
    assert "5 %" in card(moving)
    assert "on 1 instance" in card(moving)


@pytest.mark.requirement("X-33")
def test_utc_is_stored_and_days_are_said_in_the_zone_of_the_plan() -> None:
    here = datetime(2026, 12, 15, 9, 0, tzinfo=ZoneInfo("America/Los_Angeles"))
    kept = Instant().process_bind_param(here, sqlite.dialect())
    assert kept == "2026-12-15T17:00:00.000000Z"
    assert Instant().process_result_value(kept, sqlite.dialect()) == here.astimezone(UTC)
    soaking = msgspec.structs.replace(b.soaking(), plan=plans().get("batch-patches-waves"))
    assert "days of America/Los_Angeles" in opening_words(soaking, NOW)


def settings(folder: Path, role: str) -> Settings:
    file = folder / "c.yml"
    old = "operations: {people: [ada, grace]}"
    assert old in SMALL
    file.write_text(SMALL.replace(old, role), encoding="utf-8")
    return load_settings(file, SECRETS, deployers=DEPLOYER_OPTIONS, metrics=METRICS_OPTIONS)


@pytest.mark.requirement("X-35")
def test_one_role_can_have_the_names_that_several_plans_have_for_it(tmp_path: Path) -> None:
    role = "operations: {people: [ada, grace], also: [ops_lead, operations_lead]}"
    roles = settings(tmp_path, role).config.roles
    assert roles["ops_lead"] == roles["operations_lead"] == roles["operations"]
    assert roles["ops_lead"].people == ("ada", "grace")


def test_a_name_that_is_another_role_is_refused(tmp_path: Path) -> None:
    twice = "operations: {people: [ada], also: [security]}\n  security: {people: [grace]}"
    with pytest.raises(FileError, match="security is another role already"):
        settings(tmp_path, twice)


def throttled(times: float, now: datetime) -> Measured:
    """A look at crypto-watch's new version while the old one is kept."""
    reading = Measurement("lambda_throttles", Track.CANARY, Sample(Gauge(times), now))
    return Measured((reading,), MINUTE / 2, Seen("v1.2.0", "v1.1.0", 0.0))


@pytest.mark.requirement("C-122")
def test_crypto_watch_is_watched_for_an_hour_in_which_it_can_be_taken_back() -> None:
    plan = plans().get("crypto-watch-linear")
    rollout, now = msgspec.structs.replace(b.watching(), plan=plan, wave=0), NOW
    assert plan.keep_previous == 60 * MINUTE
    for _ in range(2 * 57):
        now += MINUTE / 2
        rollout, _ = decide(rollout, throttled(0, now), now)
        assert rollout.phase is Phase.WATCHING
        assert rollout.next_check_at is not None
        assert rollout.next_check_at - now <= MINUTE
    for _ in range(4):
        now += MINUTE / 2
        if rollout.phase is Phase.WATCHING:
            rollout, _ = decide(rollout, throttled(11, now), now)
    assert rollout.phase is Phase.ROLLING_BACK
