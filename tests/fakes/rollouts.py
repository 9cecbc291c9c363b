"""Rollouts worth looking at: one per phase, and the awkward ones, each got into by events.

`SCENES` is a table name -> maker, for tests that render all of them.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec

from bot.domain.conditions import Action, Condition
from bot.domain.events import (
    HookFired,
    ItemTicked,
    Measured,
    OptionChosen,
    PauseRequested,
    PreflightPassed,
    QuarantineReleaseSigned,
    RollbackRequested,
    Signed,
    WaveApplied,
)
from bot.domain.gates import Finding, Verdict
from bot.domain.people import THE_BOT, Actor
from bot.domain.plan import Approval, Plan, Ramp
from bot.domain.plan_sections import (
    ChecklistDocument,
    ItemDocument,
    PreflightDocument,
    Sections,
)
from bot.domain.rollout import Phase, Rollout, Tick
from bot.domain.watching import Watcher
from tests.domain.builders import (
    ADA,
    ARTIFACT,
    GRACE,
    NOW,
    OLD,
    TWO_TO_ROLL_BACK,
    awaiting,
    condition,
    counted,
    fresh,
    in_phase,
    plan,
    rolled_back,
    seen,
    signed,
    soaking,
    step,
    wave,
)
from tests.fakes.preparing import asked, prepared, ready, tick

ACCOUNTS: Mapping[str, str] = {"mary": "U0MARY", "ada": "U0ADA", "grace": "U0GRACE"}

HOSTILE = (
    "<!channel> <@U0ADA> <https://evil.example|click> & @everyone `rm -rf` {{7*7}} *bold* "
    "\u202ereversed\u202c zero\u200bwidth \x00 t[1] @[ada] "
)
"""What somebody might type to see what happens."""

LONG = (HOSTILE * 200)[:10_000]


def questions() -> Plan:
    """A first wave with a question to a person, one to a check and an optional one."""
    gates = (
        condition("error_rate < 1%", id="errors"),
        Condition(id="fine", kind="attest", text="Does checkout feel right?", by=("product",)),
        Condition(id="smoke", kind="check", text="smoke_tests"),
        Condition(id="nice", kind="attest", text="Any feedback?", optional=True),
    )
    return plan(waves=(wave("p5", 5.0, gates=gates, asks=True), wave("p100", 100.0)))


def finding(verdict: Verdict, **fields: Any) -> Finding:
    """What is known of the first gate of the test plan."""
    defaults: dict[str, Any] = {
        "condition_id": "p5-errors",
        "text": "error_rate < 1%",
        "value": 0.0004,
        "limit": 0.01,
        "shown": "0.04% of 2,310 requests, limit 1%",
        "why": "",
        "spark": (0.0, 0.001, None, 0.004, 0.012),
    }
    return Finding(verdict=verdict, **(defaults | fields))


def with_finding(verdict: Verdict, **fields: Any) -> Rollout:
    """Soaking, with a verdict so far."""
    return msgspec.structs.replace(soaking(), findings=(finding(verdict, **fields),))


def half_signed() -> Rollout:
    waiting = awaiting()
    return step(waiting, signed(ADA, waiting))


def asked_back() -> Rollout:
    """A live release for which somebody wants a rollback that two have to sign, and one has."""
    two = plan(rollback_approval=TWO_TO_ROLL_BACK)
    asked = step(soaking(two), RollbackRequested(ADA, "orders get lost", "q9"))
    return step(asked, signed(GRACE, asked))


def close_to_rollback() -> Rollout:
    """One of two bad windows has been seen, and an alert is on."""
    alert = condition(
        "error_rate > 2%", id="warn", do=Action.NOTIFY, say="Errors are up", act="Look at the log"
    )
    noisy = plan(alerts={"warning": (alert,)})
    watchers = {
        "spike": Watcher(window_started_at=NOW, runs=1, decided=True, shown="6% over 2s"),
        "warn": Watcher(window_started_at=NOW, runs=1, decided=True, shown="3%"),
    }
    return msgspec.structs.replace(soaking(noisy), watchers=watchers, alerts=("warn",))


def many_gates() -> Rollout:
    """More gates and waves than a card has room for."""
    gates = tuple(condition("error_rate < 1%", id=f"g{n}") for n in range(60))
    ask = tuple(Condition(id=f"a{n}", kind="attest", text=f"Question {n}?") for n in range(30))
    waves = tuple(wave(f"w{n}", float(n + 1), gates=gates + ask) for n in range(40))
    return soaking(plan(waves=waves))


def hostile() -> Rollout:
    """Everything that a person or a target can put into a rollout is hostile and long."""
    evil = Actor(LONG, LONG, ("security",))
    waiting = awaiting(
        plan(
            approval=Approval(("security", LONG), 1, True, timedelta(hours=1), timedelta(hours=1)),
            name=LONG,
        )
    )
    assert waiting.request is not None
    one = step(waiting, Signed(msgspec.structs.replace(ADA), waiting.request.digest, LONG))
    return msgspec.structs.replace(
        one,
        version=LONG,
        environment=LONG,
        service=LONG,
        previous=LONG,
        note=LONG,
        reason=LONG,
        requested_by=evil,
        artifact=LONG,
        op_trouble=LONG + "!",
        drift=LONG + "?",
    )


def hostile_live() -> Rollout:
    """The same on a live rollout, with hostile questions and findings."""
    ask = Condition(id="ask", kind="attest", text=LONG, by=(LONG,))
    evil = plan(waves=(wave("p5", 5.0, gates=(condition("error_rate < 1%", id="e"), ask)),))
    found = finding(Verdict.UNKNOWN, condition_id="e", text=LONG, shown=LONG, why=LONG)
    return msgspec.structs.replace(
        soaking(evil), version=LONG, service=LONG, findings=(found,), drift=LONG, previous=LONG
    )


def answered() -> Rollout:
    """One question answered with yes, one with evidence."""
    one = step(soaking(questions()), ItemTicked(ADA, "smoke", True, "42 of 42"))
    return step(one, ItemTicked(Actor("mary", "U0MARY", ("product",)), "fine", True, "<b>"))


def blind() -> Rollout:
    """Nothing is known, and the soak stands still."""
    look = Measured((), timedelta(seconds=1), None, "haproxy does not answer")
    return step(soaking(), look, NOW + timedelta(seconds=1))


def reported() -> Rollout:
    """Many alerts fire, an incident is open, and customers complain."""
    now = soaking()
    for number in range(8):
        fired = HookFired(
            LONG if number else "HighErrorRate", LONG, "notify", "alarm", f"f{number}", LONG, NOW
        )
        now = step(now, fired)
    now = step(now, HookFired("critical", "carts are empty", "notify", "incident", "i1"))
    for number in range(3):
        now = step(now, HookFired("customer_issue", LONG, "notify", "report", f"r{number}"))
    return now


def hostile_lists() -> Rollout:
    """Items, roles and evidence that somebody wrote to see what happens, and very many of them."""
    items = tuple(
        ItemDocument(id=f"i{n}", text=LONG, by=(LONG,), value="> 1" if n % 7 == 0 else "")
        for n in range(90)
    )
    lists = {f"list-{n}": ChecklistDocument(title=LONG, items=items) for n in range(3)}
    evil = plan(
        sections=Sections(preflight=PreflightDocument(checklists=tuple(lists)), checklists=lists)
    )
    rollout = step(fresh(evil), PreflightPassed(ARTIFACT, OLD, "q1"))
    no = Tick("list-0/i1", False, LONG, NOW, LONG)
    return msgspec.structs.replace(rollout, items={"list-0/i1": no}, reason=LONG)


def choosing() -> Rollout:
    """A gate has failed, and the plan leaves it to people how to go on."""
    ways = ("hotfix", "rollback", "workaround", "observe")
    free = wave("p5", 5.0, on_breach="pause", options=ways, standby={"support": timedelta(hours=2)})
    paused = step(soaking(plan(waves=(free, wave("all", 100.0)))), counted(500, 1000, 30))
    worked = OptionChosen(ADA, "workaround", "the cache is warmed by hand", "q7")
    return step(paused, worked, NOW + timedelta(minutes=31))


def climbing() -> Rollout:
    """Half way up a ramp, for some people only."""
    ramp = Ramp((25.0, 50.0, 75.0, 100.0), timedelta(minutes=1))
    ramped = wave("all", 100.0, ramp=ramp, audience="beta group", asks=True)
    first = soaking(plan(waves=(ramped,)))
    asked = step(first, counted(0, 1000, 1, weight=25.0), NOW + timedelta(minutes=1))
    return step(asked, WaveApplied(asked.op_key, seen(50.0)), NOW + timedelta(minutes=1))


SCENES: Mapping[str, Callable[[], Rollout]] = {
    **{phase.value: partial(in_phase, phase) for phase in Phase},
    "half signed": half_signed,
    "passing": lambda: with_finding(Verdict.PASS),
    "failing": lambda: with_finding(Verdict.FAIL, value=0.05, shown="5%"),
    "thin": lambda: with_finding(Verdict.INCONCLUSIVE, why="Needs 300 more clean requests."),
    "unknown": lambda: with_finding(Verdict.UNKNOWN, value=None, limit=None, spark=()),
    "asked back": asked_back,
    "close to rollback": close_to_rollback,
    "choosing": choosing,
    "climbing": climbing,
    "questions": lambda: soaking(questions()),
    "questions answered": answered,
    "judging questions": lambda: step(soaking(questions()), counted(0, 1000, 30)),
    "blind": blind,
    "paused with a reason": lambda: step(soaking(), PauseRequested(GRACE, "lunch")),
    "released once": lambda: step(rolled_back(), QuarantineReleaseSigned(ADA)),
    "by name": lambda: msgspec.structs.replace(awaiting(), artifact=""),
    "reported": reported,
    "extended": lambda: msgspec.structs.replace(soaking(), soak_extra=timedelta(minutes=5)),
    "many gates": many_gates,
    "lists open": prepared,
    "lists checked": lambda: step(prepared(("tests",)), tick("code/tests", THE_BOT, ok=False)),
    "lists half done": lambda: step(prepared(stages=("ship", "code")), tick("stages/ship")),
    "lists done": lambda: ready(prepared()),
    "lists signed": lambda: step(asked(prepared()), signed(ADA, asked(prepared()))),
    "lists taken back": lambda: step(asked(prepared()), tick("code/scan", ok=False)),
    "hostile lists": hostile_lists,
    "hostile": hostile,
    "hostile live": hostile_live,
}
