"""What is done about a breach under the built-in plans: each step in its place, each clock in time.

That the bot ticks its own steps when they are confirmed, and people theirs, is shown beside the
module (tests/domain/test_duties.py) and in scenarios (tests/scenarios/test_responding.py).
"""

from dataclasses import dataclass

import pytest

from bot.domain import duties, response
from bot.domain.people import BOT
from bot.domain.response import BeginResponse, StepState, budget_of, steps_for
from tests.domain import builders as b
from tests.requirements.acting import Drive, plans, share

CANARY, PROOFILE = "whispercache-canary", "proofile-staged"
BATCHES, CRYPTO = "batch-patches-waves", "crypto-watch-linear"
FEATURE = "sarvanom-feature"
PEOPLE = ""


@dataclass(frozen=True)
class Steps:
    """The steps of a plan from some place on: for each its row, its words, and who does it.

    The last of each is the moment at which the bot has done it, "" where people do it.
    """

    plan: str
    wave: str
    by: str
    expected: tuple[tuple[str, str, str], ...]
    start: int = 0

    def found(self) -> tuple[StepState, ...]:
        return steps_for(plans().get(self.plan), "rollback", self.wave, by=self.by)


STEPS = [
    Steps(
        CANARY,
        "canary",
        BOT,
        (
            ("W-135", "All traffic to the version before", "back"),
            ("W-136", "Let open requests end (30s)", "drained"),
            ("W-137", "Call: incident response", "decided"),
            ("W-138", "Open: incident ticket", PEOPLE),
            ("W-139", "Keep the measurements", "preserved"),
            ("W-140", "Tell: affected customers", PEOPLE),
            ("W-141", "Lock the version", "locked"),
        ),
    ),
    Steps(
        CANARY,
        "canary",
        "grace",
        (
            ("W-144", "Agreed: two different people", "decided"),
            ("W-145", "No traffic any more: instances of the new version", "back"),
            ("W-146", "All traffic to the version before", "back"),
            ("W-147", "Check: health", "verified"),
            ("W-148", "Tell: stakeholders", PEOPLE),
            ("W-149", "Open: change ticket", PEOPLE),
            ("W-150", "Schedule: post-mortem", PEOPLE),
        ),
    ),
    Steps(
        PROOFILE,
        "canary",
        BOT,
        (
            ("P-104", "Page: on call", "decided"),
            ("P-105 P-147", "Find out why (within 10m)", PEOPLE),
            ("P-147", "Open: incident ticket", PEOPLE),
            (
                "P-106 P-148",
                "Decide: repair it or go back: back for good, a hotfix that is tested again, or "
                "the team's word",
                PEOPLE,
            ),
            ("P-107", "Back to the version before (5%)", "back"),
            ("P-108", "Check: error rate", "verified"),
            ("P-109 P-149", "Tell: stakeholders", PEOPLE),
            ("P-043 P-147", "Stop the rise", "back"),
            ("P-044", "Back to the version before", "back"),
            ("P-045", "Find out why", PEOPLE),
            ("P-045", "Test it again in staging", PEOPLE),
            ("P-045 P-149", "Find a new date", PEOPLE),
            ("P-116", "Take migrations back, only when it is needed", PEOPLE),
        ),
    ),
    Steps(
        PROOFILE,
        "graduated",
        BOT,
        (
            ("P-110", "Tell: team", PEOPLE),
            ("P-110", "Look at what happened", PEOPLE),
            ("P-110", "Decide: ", PEOPLE),
            ("P-110", "Carry it out", PEOPLE),
            ("P-111", "Check: it is over", "verified"),
            ("P-059", "Traffic down to 5%", "back"),
            ("P-060", "Find out why", PEOPLE),
            ("P-060", "Repair it and test it again", PEOPLE),
            ("P-060", "Try the wave graduated again", PEOPLE),
        ),
    ),
    Steps(
        PROOFILE,
        "full",
        BOT,
        (
            ("P-112", "Say how bad it is", PEOPLE),
            ("P-153", "Choose one of: quick repair, rollback or workaround", PEOPLE),
            ("P-153", "Decide how to go on", PEOPLE),
            ("P-153", "Carry it out", PEOPLE),
            ("P-114", "Tell: users", PEOPLE),
        ),
    ),
    Steps(
        BATCHES,
        "w1",
        BOT,
        (
            ("B-126 B-030", "Turn the flag batch-patches-v1 off", "back"),
            ("B-127", "Check: nothing is counted any more", "verified"),
            ("B-133", "Post in #alerts-critical", PEOPLE),
            ("B-134", "Post in the status page", PEOPLE),
            ("B-135", "Write to: stakeholders", PEOPLE),
            ("B-136", "Schedule: post-mortem", PEOPLE),
        ),
    ),
    Steps(
        BATCHES,
        "w1",
        "grace",
        (
            ("B-129", "No traffic any more: the new system", "back"),
            ("B-128 B-130", "Empty the caches", PEOPLE),
            ("B-128 B-131", "Restore the newest good snapshot", PEOPLE),
            ("B-132", "Check: health of the system before", "verified"),
        ),
    ),
    Steps(
        CRYPTO,
        "linear",
        BOT,
        (
            ("C-060", "Find out why", PEOPLE),
            ("C-061", "Write the incident report", PEOPLE),
            ("C-062", "Repair it in development", PEOPLE),
            ("C-063", "Test it again in staging", PEOPLE),
            ("C-064", "Find a new date", PEOPLE),
        ),
        start=2,
    ),
    Steps(
        CRYPTO,
        "linear",
        "grace",
        (
            ("C-057", "All traffic to the version before", "back"),
            ("C-058", "Deploy the previous version anew", PEOPLE),
            ("C-059", "Point the alias to the previous version", "back"),
        ),
    ),
    Steps(
        FEATURE,
        "p5",
        "grace",
        (
            ("S-046", "No traffic any more: canary", "back"),
            ("S-047", "Say how bad it is", PEOPLE),
            ("S-048", "Decide: how far to go back", PEOPLE),
            ("S-049", "All traffic to the version before", "back"),
            ("S-050", "Check: stability", "verified"),
            ("S-051", "Tell: stakeholders", PEOPLE),
        ),
    ),
]


@pytest.mark.parametrize(
    ("steps", "index"),
    [
        pytest.param(
            steps,
            index,
            id=f"{row.split()[0]}-{steps.plan}-{index}",
            marks=pytest.mark.requirement(*row.split()),
        )
        for steps in STEPS
        for index, (row, _, _) in enumerate(steps.expected)
    ],
)
def test_a_step_stands_in_its_place_and_is_done_by_whom_it_should(steps: Steps, index: int) -> None:
    _, words, moment = steps.expected[index]
    step = steps.found()[steps.start + index]
    assert words in step.text
    assert step.moment == moment


# --- clocks -------------------------------------------------------------------------------------


@pytest.mark.requirement("S-053", "S-054", "S-055", "S-056", "S4-05", "X-29")
def test_each_part_of_a_rollback_has_its_time_and_all_of_them_together_half_an_hour() -> None:
    budget = budget_of(plans().get(FEATURE).sections.rollback.budget)
    minutes = {part: seconds / 60 for part, seconds in budget.items()}
    assert minutes == {"detect": 2, "decide": 5, "execute": 10, "verify": 15, "total": 30}


@pytest.mark.requirement("B-125", "S4-04b")
def test_turning_the_flag_off_has_half_a_minute() -> None:
    budget = budget_of(plans().get(BATCHES).sections.rollback.budget)
    assert budget == {"total": 30}
    assert set(budget) <= set(response.PARTS)


TIMERS = [
    (("P-099", "S4-07a"), PROOFILE, "alert.critical", "", "ack", 5),
    (("P-100", "S4-07b"), PROOFILE, "alert.warning", "", "ack", 15),
    (("P-105", "S4-06"), PROOFILE, "breach", "canary", "root_cause", 10),
    (("S4-07d",), BATCHES, "alert.critical", "", "handled", 30),
    (("W-161", "S4-08b"), CANARY, "incident", "", "post_mortem", 24 * 60),
    (("S4-08a",), "sarvanom-hotfix", "hotfix.identified", "", "in_production", 4 * 60),
]


@pytest.mark.parametrize(
    ("plan", "occasion", "wave", "due", "minutes"),
    [
        pytest.param(*rest, id=rows[0], marks=pytest.mark.requirement(*rows))
        for rows, *rest in TIMERS
    ],
)
def test_a_clock_of_the_plan_gives_so_many_minutes(
    plan: str, occasion: str, wave: str, due: str, minutes: float
) -> None:
    started = duties.started(plans().get(plan), occasion, "x", "", b.NOW, wave=wave)
    assert (due, minutes) in [(each.due, each.seconds / 60) for each in started]


@pytest.mark.requirement("P-101", "S4-07c")
def test_what_is_only_information_has_until_the_next_working_day() -> None:
    started = duties.started(plans().get(PROOFILE), "alert.info", "x", "", b.NOW)
    saturday_to_monday = duties.end_of_next_business_day(b.NOW, "UTC") - b.NOW
    assert [each.seconds for each in started] == [saturday_to_monday.total_seconds()]
    assert saturday_to_monday.days == 2


# --- a spike of errors --------------------------------------------------------------------------


def spike(ours: float, theirs: float | None) -> Drive:
    """A minute of the first wave, in which so many of a thousand requests of each side fail."""
    drive = Drive(CANARY, "canary", gates=False)
    base = None if theirs is None else (theirs, 1000.0)
    drive.looks(4, 15, {"error_rate": share(ours, 1000, base=base)})
    return drive


@pytest.mark.requirement("S2-05", "W-159")
def test_more_than_two_percent_errors_roll_back_at_once_when_the_release_is_the_cause() -> None:
    assert spike(20, 0).done == "notify"  # the warning alone
    for theirs in (0.0, 20.0, None):  # where nobody knows of the other side, it is the release
        drive = spike(21, theirs)
        assert drive.done == "rollback"
        assert any("error_rate > 2%" in text for text in drive.paged)
    found = steps_for(plans().get(CANARY), "rollback", "canary", by=BOT)
    moments = {step.text: step.moment for step in found}
    assert moments["Call: incident response and the incident commander"] == "decided"
    assert moments["Keep the measurements and logs"] == "preserved"


@pytest.mark.requirement("S2-05")
def test_what_fails_on_both_sides_is_held_and_looked_into() -> None:
    drive = spike(30, 25)
    assert drive.done == "pause"
    assert "not this release's doing" in drive.rollout.reason
    (response,) = (each for each in drive.effects if isinstance(each, BeginResponse))
    assert [step.text for step in response.steps] == [
        "Look at: what it depends on, outside too",
        "Look at: the database",
        "Look at: rate limits",
        "Add capacity: where it is short",
        "Schedule: post-mortem",
    ]
    assert not any(step.moment for step in response.steps)


@pytest.mark.requirement("S2-05")
def test_it_goes_back_after_all_when_the_other_side_gets_well() -> None:
    drive = spike(30, 25)
    assert drive.done == "pause"
    drive.looks(4, 15, {"error_rate": share(30, 1000, base=(2, 1000))})
    assert drive.done == "rollback"
