"""Which number of a version is raised, what that says about it, and how far a prerelease gets."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bot.domain.events import AdvanceRequested, WaveApplied
from bot.domain.plan import Plan
from bot.domain.plan_sections import Sections, VersionDocument
from bot.domain.policy import Press, legal_actions
from bot.domain.rollout import Phase, Rollout
from bot.domain.version_steps import Before, Change, objection, remarks, withheld
from tests.domain import builders as b
from tests.requirements.acting import plans

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RULES = VersionDocument()


def before(*versions: str, days: float = 1) -> list[Before]:
    """What was released so many days apart, the newest first."""
    return [Before(v, NOW - timedelta(days=days * (n + 1))) for n, v in enumerate(versions)]


def told(
    history: Sequence[Before],
    new: str,
    change: Change | None = None,
    rules: VersionDocument = RULES,
    type_: str = "",
) -> str:
    return " ".join(remarks(rules, history, new, change, type_, NOW))


# --- which change raises which number -----------------------------------------------------------


@pytest.mark.requirement("W-034", "C-067")
@pytest.mark.parametrize(
    ("last", "new", "wanted"),
    [
        ("v1.2.3", "v1.3.0", "v2.0.0"),
        ("v1.2.3", "v1.2.4", "v2.0.0"),
        ("v0.2.3", "v0.2.4", "v0.3.0"),
    ],
)
def test_what_breaks_something_is_refused_unless_it_raises_the_first_number(
    last: str, new: str, wanted: str
) -> None:
    assert f"that is {wanted}, not {new}" in objection(last, new, Change.BREAKING)
    assert not objection(last, wanted, Change.BREAKING)
    assert not objection(last, new, None)
    assert not objection("", new, Change.BREAKING)


def test_the_release_of_a_breaking_prerelease_breaks_nothing_further() -> None:
    assert not objection("v2.0.0-rc.1", "v2.0.0", Change.BREAKING)
    assert objection("v2.0.0", "v2.0.0", Change.BREAKING)


@pytest.mark.parametrize(
    ("change", "fits", "other", "words"),
    [
        pytest.param(
            Change.FEATURE,
            "v1.3.0",
            "v1.2.4",
            "what adds something raises the second: v1.3.0",
            marks=pytest.mark.requirement("W-035", "C-067"),
        ),
        pytest.param(
            Change.FIX,
            "v1.2.4",
            "v1.3.0",
            "what only mends something raises the third: v1.2.4",
            marks=pytest.mark.requirement("W-036", "C-067"),
        ),
        (Change.BREAKING, "v2.0.0", "v1.3.0", "what breaks something raises the first: v2.0.0"),
    ],
)
def test_a_version_that_raises_another_number_is_remarked_upon(
    change: Change, fits: str, other: str, words: str
) -> None:
    last = before("v1.2.3")
    assert not told(last, fits, change)
    assert words in told(last, other, change)


@pytest.mark.parametrize(
    ("type_", "words"),
    [("hotfix", "raises the third"), ("feature", ""), ("major", "raises the first"), ("", "")],
)
def test_the_type_of_a_release_stands_for_what_it_does(type_: str, words: str) -> None:
    said = told(before("v1.2.3"), "v1.3.0", type_=type_)
    assert words in said
    assert bool(said) is bool(words)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("v1.2.5", "skips v1.2.4"),
        ("v1.4.0", "skips v1.3.0"),
        ("v1.3.1", "skips v1.3.0"),
        ("v2.1.0", "skips v2.0.0"),
        ("v1.2.2", "is older than v1.2.3"),
        ("v1.2.3-rc.1", "is older than v1.2.3"),
        ("v1.2.4", ""),
        ("v1.3.0-rc.1", ""),
        ("v1.2.3", ""),
    ],
)
def test_versions_that_were_left_out_are_named(new: str, words: str) -> None:
    said = told(before("v1.2.3"), new)
    assert words in said
    assert bool(said) is bool(words)


def test_the_first_version_of_all_is_the_plans() -> None:
    rules = plans().get("batch-patches-waves").sections.version
    assert "calls the first version v1.0.0" in told([], "v0.9.0", rules=rules)
    assert not told([], "v1.0.0", rules=rules)
    assert not told([], "v0.9.0")


# --- how often ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "new", "days", "words"),
    [
        pytest.param(
            ("v2.0.0", "v1.9.0"),
            "v3.0.0",
            84,
            "A new first number is planned quarterly, and v2.0.0 brought one 11w 6d ago",
            marks=pytest.mark.requirement("W-039"),
        ),
        pytest.param(
            ("v2.1.0", "v2.0.0"),
            "v2.2.0",
            28,
            "A new second number is planned monthly, and v2.1.0 brought one 3w 6d ago",
            marks=pytest.mark.requirement("W-040"),
        ),
        pytest.param(
            ("v2.1.1", "v2.1.0"),
            "v2.1.2",
            7,
            "A new third number is planned weekly, and v2.1.1 brought one 6d ago",
            marks=pytest.mark.requirement("W-041"),
        ),
    ],
)
def test_a_number_that_is_raised_sooner_than_planned_is_remarked_upon(
    versions: tuple[str, ...], new: str, days: float, words: str
) -> None:
    rules = plans().get("whispercache-canary").sections.version
    assert words in told(before(*versions, days=days - 1), new, rules=rules)
    assert not told(before(*versions, days=days), new, rules=rules)
    assert not told(before(*versions, days=days - 1), new)


def test_only_the_same_number_counts_and_durations_are_words_too() -> None:
    rules = VersionDocument(increment={"minor": "6w", "patch": "now and then"})
    history = before("v2.1.1", "v2.1.0", "v2.0.0", days=10)
    assert "planned 6w, and v2.1.0 brought one 2w 6d ago" in told(history, "v2.2.0", rules=rules)
    assert not told(history, "v2.1.2", rules=rules)


# --- prereleases --------------------------------------------------------------------------------

HALF = VersionDocument(prerelease=("rc",), prerelease_most="50%")


def capped(**fields: object) -> Plan:
    return b.plan(sections=Sections(version=HALF), **fields)


def at_half(version: str, the_plan: Plan | None = None) -> Rollout:
    """The wave at half of the traffic has served its soak."""
    fresh = msgspec.structs.replace(b.soaking(the_plan or capped()), version=version)
    first = msgspec.structs.replace(b.seen(5.0), candidate=version)
    second = b.step(fresh, b.counted(0, 1000, 30, seen=first))
    soaking = b.step(second, WaveApplied(second.op_key, b.seen(50.0)))
    candidate = msgspec.structs.replace(first, weight=50.0)
    return b.step(soaking, b.counted(0, 1000, 30, seen=candidate))


@pytest.mark.requirement("W-037")
def test_a_prerelease_stays_at_its_share_of_production_whoever_presses_advance() -> None:
    held = at_half("v1.2.0-rc.1")
    assert (held.phase, held.weight) == (Phase.JUDGING, 50.0)
    assert "gets no more than 50 % of production" in held.reason
    assert Press.ADVANCE not in {each.press for each in legal_actions(held)}
    pressed = b.step(held, AdvanceRequested(b.GRACE, "it is fine"))
    assert (pressed.phase, pressed.target_weight) == (Phase.JUDGING, 50.0)
    assert at_half("v1.2.0").target_weight == 100.0


@pytest.mark.requirement("W-037")
@pytest.mark.parametrize("name", ["whispercache-canary", "whispercache-bluegreen"])
def test_whispercaches_prereleases_never_get_all_of_production(name: str) -> None:
    plan = plans().get(name)
    waves = [wave.traffic for wave in plan.waves]
    rules = plan.sections.version
    kept = [w for w in waves if not withheld(rules, "v1.3.0-rc.1", "production", w)]
    assert kept == [w for w in waves if w <= 50]
    assert not any(withheld(rules, "v1.3.0", "production", w) for w in waves)
    assert not any(withheld(rules, "v1.3.0-rc.1", "staging", w) for w in waves)
