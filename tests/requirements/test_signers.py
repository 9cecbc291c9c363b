"""Who signs what under the built-in plans: each seat is waited for, no other signature counts."""

from dataclasses import dataclass

import msgspec
import pytest

from bot.domain.decisions import decide
from bot.domain.events import ItemTicked, PauseRequested, RollbackRequested, Signed, SwitchBack
from bot.domain.people import Actor
from bot.domain.rollout import Phase, Rollout
from tests.domain import builders as b
from tests.requirements.acting import Drive, plans
from tests.requirements.test_items import looked_again, whole


@dataclass(frozen=True)
class Seats:
    """The roles that sign a release of this type and with these labels."""

    rows: tuple[str, ...]
    plan: str
    roles: tuple[str, ...]
    type: str = ""
    labels: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "-".join([self.plan, *filter(None, [self.type]), *self.labels])


FEATURE = ("product_team", "engineering_team")
LEADS = ("team_lead", "ops_lead")
SEATS = [
    Seats(
        ("S3-01", "W-002", "W-060", "W-061", "W-062", "X-08"),
        "whispercache-canary",
        ("security", "operations", "product"),
    ),
    Seats((), "proofile-staged", ("release_manager", "devops")),
    Seats(
        ("S3-04a", "B-021", "B-022", "B-023", "B-024"),
        "batch-patches-waves",
        ("product_manager", "ciso", "operations"),
        optional=("legal",),
    ),
    Seats(("S3-05", "C-047", "C-050", "C-094", "C-095"), "crypto-watch-linear", LEADS),
    Seats(("S3-05", "C-096"), "crypto-watch-linear", (*LEADS, "product_owner"), type="major"),
    Seats(("S3-06a", "S-003"), "sarvanom-hotfix", ("senior_engineer", "security_team")),
    Seats(("S3-06b", "S-006"), "sarvanom-feature", FEATURE),
    Seats(("S3-06c", "S-009"), "sarvanom-major", ("engineering_leadership", "product_leadership")),
    Seats(
        ("S3-07a", "S-103"),
        "sarvanom-feature",
        (*FEATURE, "security_team"),
        labels=("sensitive",),
    ),
    Seats(
        ("S3-07b", "S-104"),
        "sarvanom-feature",
        (*FEATURE, "performance_team"),
        labels=("performance-critical",),
    ),
    Seats(
        ("S3-07c", "S-105"),
        "sarvanom-major",
        ("engineering_leadership", "product_leadership", "product_team"),
        labels=("user-facing",),
    ),
]


def asked(seats: Seats) -> Rollout:
    """Everything is ticked, and signatures are asked for."""
    rollout = msgspec.structs.replace(whole(seats.plan), type=seats.type, labels=seats.labels)
    waiting = looked_again(rollout)
    assert waiting.phase is Phase.AWAITING_APPROVAL
    return waiting


def signed(rollout: Rollout, role: str, comment: str = "I have read it") -> Rollout:
    """Somebody of this role, and of no other, signs."""
    assert rollout.request is not None
    actor = Actor(f"of-{role}", f"U0{role.upper()}", (role,))
    event = Signed(actor, rollout.request.digest, comment)
    after, _ = decide(rollout, event, b.NOW)
    return msgspec.structs.replace(after, revision=rollout.revision + 1)


def all_sign(rollout: Rollout, *roles: str, comment: str = "I have read it") -> Rollout:
    for role in roles:
        if rollout.phase is Phase.AWAITING_APPROVAL:
            rollout = signed(rollout, role, comment)
    return rollout


@pytest.mark.parametrize(
    "seats", [pytest.param(s, id=s.name, marks=pytest.mark.requirement(*s.rows)) for s in SEATS]
)
def test_it_begins_when_each_role_has_signed_and_not_before(seats: Seats) -> None:
    for missing in seats.roles:
        others = [role for role in seats.roles if role != missing]
        stand_in = [f"{missing}s_friend", *others, *others]
        assert all_sign(asked(seats), *stand_in).phase is Phase.AWAITING_APPROVAL
    assert all_sign(asked(seats), *seats.optional, *seats.roles).phase is Phase.QUEUED
    assert all_sign(asked(seats), *seats.roles).phase is Phase.QUEUED


@pytest.mark.requirement("C-049", "S3-05")
def test_crypto_watch_takes_no_signature_without_a_comment() -> None:
    seats = SEATS[3]
    assert all_sign(asked(seats), *LEADS, comment="  ").phase is Phase.AWAITING_APPROVAL
    assert all_sign(asked(seats), *LEADS, comment="the numbers are good").phase is Phase.QUEUED


@pytest.mark.requirement("S3-02", "W-144", "X-23")
def test_whispercaches_rollback_by_hand_takes_any_two_people() -> None:
    drive = Drive("whispercache-canary", "p25")
    drive.happens(RollbackRequested(b.GRACE, "a bad feeling", "q9"))
    assert drive.is_in(Phase.PAUSED)
    request = drive.rollout.rollback_request
    assert request is not None
    drive.happens(Signed(b.ADA, request.digest))
    drive.happens(Signed(b.ADA, request.digest))
    assert drive.is_in(Phase.PAUSED)
    drive.happens(Signed(Actor("olga", "U0OLGA", ("product",)), request.digest))
    assert drive.done == "rollback"
    assert [e.version for e in drive.effects if isinstance(e, SwitchBack)] == ["v1.1.0"]


@pytest.mark.requirement("S3-08", "X-37", "C-112", "S-046", "P-043")
@pytest.mark.parametrize("plan", [name for name in plans().names() if name != "quickstart"])
def test_anybody_may_stop_any_release_at_once(plan: str) -> None:
    drive = Drive(plan, plans().get(plan).waves[0].id)
    drive.happens(PauseRequested(b.NOBODY, "the tills are slow"))
    assert drive.is_in(Phase.PAUSED)
    assert drive.rollout.paused_from is Phase.SOAKING


@pytest.mark.requirement("C-117", "S-115", "X-23")
@pytest.mark.parametrize("plan", ["crypto-watch-linear", "sarvanom-feature"])
def test_where_the_plan_asks_for_no_signature_one_word_takes_it_back(plan: str) -> None:
    drive = Drive(plan, plans().get(plan).waves[0].id)
    drive.happens(RollbackRequested(b.GRACE, "users see errors", "q9"))
    assert drive.done == "rollback"
    assert [e.version for e in drive.effects if isinstance(e, SwitchBack)] == ["v1.1.0"]


@pytest.mark.requirement("W-072")
def test_somebody_says_that_it_was_looked_at_in_production_when_it_is_there() -> None:
    drive = Drive("whispercache-canary", "full")
    drive.rollout = msgspec.structs.replace(drive.rollout, looked=True)
    nobody = Actor("nina", "U0NINA", ("product",))
    drive.happens(ItemTicked(nobody, "production-deployment/validated", ok=True))
    assert not drive.rollout.items
    lead = Actor("mary", "U0MARY", ("release_manager",))
    drive.happens(ItemTicked(lead, "production-deployment/validated", ok=True))
    assert drive.rollout.items["production-deployment/validated"].person == "mary"
