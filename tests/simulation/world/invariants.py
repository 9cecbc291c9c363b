"""What must be so whatever happened, held against what the world saw and not what the bot says.

Each rule is a function from the evidence to the ways in which it was broken.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection, create_engine, select

from bot.domain.approvals import release_digest
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import MEASURING, Phase, Rollout
from bot.engine.rollouts import Loader
from bot.practice.workspace import Message
from bot.slack.cards import Cards
from bot.store.queries import audit, outbox
from bot.store.tables import inbox as inbox_table
from bot.store.tables import op as op_table
from bot.store.tables import rollout as rollout_table
from tests.scenarios.reading import gist
from tests.simulation.world.clock import NOON
from tests.simulation.world.people import PEOPLE, REQUESTER, key_of
from tests.simulation.world.target import Effect

if TYPE_CHECKING:
    from tests.simulation.world.world import SimWorld

ROUNDING = 0.05
"""Seconds by which two instants may differ that are the same."""

ACCOUNTS = {"mary": "U0MARY", "ada": "U0ADA", "grace": "U0GRACE", "alan": "U0ALAN"}
UP = frozenset({"prepare", "shift", "promote"})


@dataclass
class Evidence:
    """All that can be held against the rules."""

    world: "SimWorld"
    rollouts: list[Rollout]
    entries: list[audit.Entry]
    ops: dict[str, str]
    heard: set[str]
    dead: list[tuple[str, str]]
    chain: str

    def effects(self, rollout: Rollout) -> list[Effect]:
        """What took place at the target for a rollout, in order."""
        mine = f"rollout:{rollout.id}:"
        return [each for each in self.world.deployer.effects if each.key.startswith(mine)]

    def events(self, rollout: Rollout) -> list[str]:
        """The types of what happened to a rollout."""
        mine = [e for e in self.entries if e.kind == "rollout" and e.aggregate_id == rollout.id]
        return [str(msgspec.json.decode(entry.event)["type"]) for entry in mine]


Rule = Callable[[Evidence], Iterator[str]]


def violations(world: "SimWorld", database: Path) -> list[str]:
    """Everything that is not as it must be."""
    engine = create_engine(f"sqlite:///{database}")
    try:
        with engine.connect() as conn:
            evidence = _gathered(world, conn)
    finally:
        engine.dispose()
    return [f"{rule.__name__}: {found}" for rule in RULES for found in rule(evidence)]


def _gathered(world: "SimWorld", conn: Connection) -> Evidence:
    try:
        audit.verify(conn)
        chain = ""
    except audit.BrokenChainError as error:
        chain = str(error)
    load = Loader(compile_plan)
    rows = conn.execute(select(rollout_table).order_by(rollout_table.c.created_at)).mappings()
    return Evidence(
        world=world,
        rollouts=[load(row) for row in rows],
        entries=list(audit.entries(conn)),
        ops={row.key: row.state for row in conn.execute(select(op_table))},
        heard=set(conn.execute(select(inbox_table.c.dedupe)).scalars()),
        dead=outbox.dead(conn),
        chain=chain,
    )


# --- at the target ----------------------------------------------------------------------------


def waves_in_order(evidence: Evidence) -> Iterator[str]:
    """Each share is the next one of the plan, or the same once more."""
    for rollout in evidence.rollouts:
        plan = [wave.traffic for wave in rollout.the_plan.waves]
        given = [e.weight for e in evidence.effects(rollout) if e.operation == "shift"]
        for before, after in pairwise([0.0, *given]):
            at = plan.index(before) + 1 if before in plan else 0
            if after != before and plan[at : at + 1] != [after]:
                yield f"{rollout.version} went from {before:g} % to {after:g} % of {plan}"


def each_change_once(evidence: Evidence) -> Iterator[str]:
    """What nobody asked to be done again takes place once, and what took place is known."""
    for rollout in evidence.rollouts:
        done = Counter((e.operation, e.version, e.weight) for e in evidence.effects(rollout))
        again = {"ResumeRequested", "StepBackRequested"} & set(evidence.events(rollout))
        for what, times in done.items():
            if times > 1 and not again:
                yield f"{' '.join(map(str, what))} took place {times} times"
    for effect in evidence.world.deployer.effects:
        state = evidence.ops.get(effect.key)
        if state is None:
            yield f"{effect.text} was never written down as something to do"
        elif state == "rejected":
            yield f"{effect.text} took place, and is written down as refused"


def soaks_in_full(evidence: Evidence) -> Iterator[str]:
    """Between one share and more of it lies the soak of the plan, by the clock of the target."""
    for rollout in evidence.rollouts:
        soaks = {wave.traffic: wave.soak for wave in rollout.the_plan.waves}
        rises = [e for e in evidence.effects(rollout) if e.operation in {"shift", "promote"}]
        for before, after in pairwise(rises):
            more = after.weight > before.weight or after.operation == "promote"
            wanted = soaks.get(before.weight, timedelta()).total_seconds()
            if more and after.at - before.at < wanted - ROUNDING:
                took = after.at - before.at
                yield f"{before.text}, then {after.text} after {took:.1f} s, not {wanted:g} s"


def nothing_rises_after_a_rollback(evidence: Evidence) -> Iterator[str]:
    """Once it has been taken back, or is being taken back, no share of it goes up."""
    for rollout in evidence.rollouts:
        effects = evidence.effects(rollout)
        back = [e for e in effects if e.operation == "rollback"]
        if not back:
            continue
        for effect in effects:
            rises = effect.version == rollout.version and effect.operation in UP
            if rises and (effect.at > back[0].at or effect.seq > min(e.seq for e in back)):
                yield f"{effect.text} after {back[0].text}"


def a_rollback_does_not_wait(evidence: Evidence) -> Iterator[str]:
    """Where nothing goes wrong meanwhile, the traffic is back a few seconds after the press."""
    world = evidence.world
    for rollout in evidence.rollouts:
        asked = world.people.deeds.rollback_asked.get(rollout.id)
        effects = evidence.effects(rollout)
        if asked is None or not effects:
            continue
        by = asked + RETURN
        quiet = not any(asked - 1 <= at <= by for at in world.chance.times)
        late = not any(e.operation == "rollback" and e.at <= by for e in effects)
        moving = any(e.at <= asked for e in effects) and (
            rollout.ended_at is None or (rollout.ended_at - NOON).total_seconds() > by
        )
        if quiet and late and moving:
            yield f"{rollout.version} was to go back at {asked:.1f} s, and had not by {by:.1f} s"


RETURN = 5.0


def a_rollback_that_was_asked_for_comes(evidence: Evidence) -> Iterator[str]:
    """A press on Roll back that Slack showed no error for has led to one."""
    for rollout in evidence.rollouts:
        asked = rollout.id in evidence.world.people.deeds.rollback_asked
        went = rollout.rollback_by or rollout.rollback_reason or rollout.phase is Phase.CANCELLED
        if asked and evidence.effects(rollout) and not went:
            yield f"{rollout.version} is {rollout.phase}, and somebody had pressed Roll back"


def what_ended_is_so(evidence: Evidence) -> Iterator[str]:
    """What the last rollout says of its end is what the target shows."""
    world = evidence.world
    done = [r for r in evidence.rollouts if evidence.effects(r) and r.ended]
    if not done or any(not r.ended for r in evidence.rollouts):
        return
    last = max(done, key=lambda r: evidence.effects(r)[-1].at)
    wanted = {"completed": last.version}.get(last.phase.value, last.previous)
    runs, weight = world.shop.current.release.version, world.shop.weight
    if runs != wanted or weight:
        yield f"{last.version} is {last.phase}, but {runs} runs ({weight:g} % on the other)"


def it_goes_on_by_itself(evidence: Evidence) -> Iterator[str]:
    """When nothing goes wrong any more, what waits for nobody does not stand still."""
    yield from evidence.world.stuck


def one_rollout_of_a_version(evidence: Evidence) -> Iterator[str]:
    """Asked for once more while it is under way, a version is not begun a second time."""
    for before, after in pairwise(evidence.rollouts):
        under_way = before.ended_at is None or before.ended_at > after.created_at
        if before.version == after.version and under_way:
            yield f"{before.version} was begun twice ({before.id}, {after.id})"


# --- people -----------------------------------------------------------------------------------


def two_people_on_this_digest(evidence: Evidence) -> Iterator[str]:
    """Before anything moves, two who may have pressed Approve on exactly this artifact."""
    world = evidence.world
    for rollout in evidence.rollouts:
        forward = [e for e in evidence.effects(rollout) if e.operation in UP]
        if not forward or forward[0].version != rollout.version:
            continue
        first = forward[0]
        shown = {
            release_digest(
                service="checkout",
                environment="production",
                version=rollout.version,
                artifact=first.artifact,
                plan=rollout.the_plan.digest,
                generation=generation,
            )
            for generation in range(1, 20)
        }
        signed = {
            PEOPLE[p.user_id]: p.at
            for p in world.people.deeds.pressed
            if p.action == "approve"
            and p.rollout == rollout.id
            and p.at <= first.at
            and p.user_id in PEOPLE
            and p.user_id != REQUESTER
            and p.digest
            and any(digest.startswith(p.digest) for digest in shown)
        }
        left = world.people.deeds.left
        if left and signed and left[0] < max(signed.values()) <= first.at < left[1]:
            signed.pop("grace", None)
        if len(signed) < 2:
            yield f"{first.text} of {first.artifact[:14]} with {sorted(signed) or 'nobody'} only"


def each_signature_once(evidence: Evidence) -> Iterator[str]:
    """One person counts once, and nobody counts who may not."""
    for rollout in evidence.rollouts:
        for request in (rollout.request, rollout.rollback_request):
            people = [s.person for s in request.signatures] if request else []
            if len(people) != len(set(people)):
                yield f"{rollout.version} is signed by {people}"
            if "mary" in people and request is rollout.request:
                yield f"{rollout.version} is signed by mary, who asked for it"


def what_was_acknowledged_is_kept(evidence: Evidence) -> Iterator[str]:
    """A press that Slack showed no error for is in the database, or its owner was told."""
    world = evidence.world
    for at, press, user_id in world.to_bot.taken:
        told = any(
            each.person == user_id and abs(_second_of(each.ts) - at) < APOLOGY
            for each in world.space.ephemerals
        )
        if user_id in PEOPLE and press not in evidence.heard and not told:
            yield f"{press} of {user_id} was acknowledged at {at:.1f} s and is nowhere"


APOLOGY = 5.0


def _second_of(ts: str) -> float:
    return float(ts.partition(".")[0]) - NOON.timestamp()


# --- evidence ---------------------------------------------------------------------------------


def no_rise_on_bad_or_missing_data(evidence: Evidence) -> Iterator[str]:
    """Between a share and more of it, the counts were seen to grow, and were not bad."""
    world = evidence.world
    for rollout in evidence.rollouts:
        rises = [e for e in evidence.effects(rollout) if e.operation in {"shift", "promote"}]
        for before, after in pairwise(rises):
            more = after.weight > before.weight or after.operation == "promote"
            if not more or before.weight == 0:
                continue
            seen = [
                s
                for s in world.deployer.counts
                if s.version == rollout.version and before.at <= s.at <= after.at
            ]
            grown = seen[-1].requests - seen[0].requests if seen else 0
            bad = seen[-1].errors - seen[0].errors if seen else 0
            if grown <= 0:
                yield f"{after.text}, and nothing had been seen of {before.weight:g} %"
            elif bad / grown > BAD:
                yield f"{after.text} after {bad / grown:.0%} errors at {before.weight:g} %"


BAD = 0.1
"""The share of errors at which the plans here take everything back."""


# --- what is said and written -----------------------------------------------------------------


def one_card_that_is_true(evidence: Evidence) -> Iterator[str]:
    """Each rollout has one card, and its text is the state."""
    world = evidence.world
    presenter = Cards(ACCOUNTS)
    copies = _by_key(world)
    for rollout in evidence.rollouts:
        found = copies.get(f"card:rollout:{rollout.id}", [])
        texts = [message.text for message in found]
        wanted = presenter.card(rollout, world.clock.now()).text
        if not found or len(_unexplained(found, world)) > 1:
            yield f"{rollout.version} has {len(found)} cards"
        if rollout.phase in MEASURING:
            texts, wanted = [gist(text) for text in texts], gist(wanted)
        if found and wanted not in texts:
            yield f"the card says {texts} instead of {wanted!r}"


def nothing_is_said_twice(evidence: Evidence) -> Iterator[str]:
    """No two messages go by the same key.

    Slack takes no key that would make a second post harmless. So one case is left: a process that
    was stopped between its look and its post for longer than its claim lasted.
    """
    for key, copies in _by_key(evidence.world).items():
        if len(_unexplained(copies, evidence.world)) > 1 and not key.startswith("card:rollout:"):
            yield f"{key} is there {len(copies)} times"


def _by_key(world: "SimWorld") -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = {}
    for message in sorted(world.posted(), key=lambda each: each.ts):
        if key := key_of(message):
            found.setdefault(key, []).append(message)
    return found


def _unexplained(copies: list[Message], world: "SimWorld") -> list[Message]:
    """Those that were not posted by a process that had just slept through its claim."""
    slept = [end for end, seconds in world.stops if seconds > LEASE - POSTING]
    return [
        copy
        for copy in copies
        if not any(end - 1 <= _second_of(copy.ts) <= end + POSTING for end in slept)
    ]


LEASE = 15.0
POSTING = 10.0


def whoever_has_to_act_is_told(evidence: Evidence) -> Iterator[str]:
    """Where it waits for a person, something has been said about it since."""
    posted = _by_key(evidence.world)
    for entry in evidence.entries:
        came = entry.phase_after != entry.phase_before
        waits = came and entry.phase_after in {"paused", "halted"}
        if entry.kind != "rollout" or not waits:
            continue
        key, at = f"rollout:{entry.aggregate_id}:{entry.revision}:", entry.at.timestamp()
        if not any(key in name for name in posted):
            yield f"{entry.aggregate_id} {entry.phase_after} at {at - NOON.timestamp():.0f} s"


def nothing_is_given_up(evidence: Evidence) -> Iterator[str]:
    """In troubles this short nothing is given up."""
    for key, why in evidence.dead:
        yield f"{key}: {why}"


def the_chain_is_whole(evidence: Evidence) -> Iterator[str]:
    """The audit is what it was."""
    if evidence.chain:
        yield evidence.chain


def quarantine_is_kept(evidence: Evidence) -> Iterator[str]:
    """What was taken back once does not come again."""
    taken: dict[str, float] = {}
    for rollout in evidence.rollouts:
        effects = evidence.effects(rollout)
        touched = any(e.operation == "shift" and e.version == rollout.version for e in effects)
        for effect in effects:
            banned = taken.get(effect.artifact)
            if effect.operation in UP and effect.version == rollout.version and banned is not None:
                yield f"{effect.text}, which had been taken back at {banned:.0f} s"
        back = [e for e in effects if e.operation == "rollback"]
        if back and touched:
            artifact = next(e.artifact for e in effects if e.operation == "shift")
            taken[artifact] = back[0].at


RULES: tuple[Rule, ...] = (
    waves_in_order,
    each_change_once,
    soaks_in_full,
    nothing_rises_after_a_rollback,
    a_rollback_does_not_wait,
    a_rollback_that_was_asked_for_comes,
    what_ended_is_so,
    it_goes_on_by_itself,
    one_rollout_of_a_version,
    two_people_on_this_digest,
    each_signature_once,
    what_was_acknowledged_is_kept,
    no_rise_on_bad_or_missing_data,
    one_card_that_is_true,
    nothing_is_said_twice,
    whoever_has_to_act_is_told,
    nothing_is_given_up,
    the_chain_is_whole,
    quarantine_is_kept,
)
