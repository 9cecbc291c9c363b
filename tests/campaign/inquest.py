"""Gathers what is known when a campaign is over, judges it, and keeps the story of what failed."""

import asyncio
import json
import signal
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.campaign.judging import Entry, Told, problems, walked
from tests.campaign.world import SOAKS, World, key_of

QUIET_WITHIN = 90.0


@dataclass
class Verdict:
    """What a campaign has shown.

    phases: how many releases ended how. duplicates: effects at the deployer that came twice.
    repeated: requests that came twice and had one effect. refused: requests that came too late.
    posts: messages that are in the chat twice. violations: what must not be.
    """

    phases: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    duplicates: int = 0
    repeated: int = 0
    refused: int = 0
    messages: int = 0
    posts: int = 0
    violations: list[str] = field(default_factory=list)


async def quiet(world: World) -> list[str]:
    """Wait until nothing is left to be done; what is left when that takes too long."""
    waiting = (
        "SELECT key FROM outbox WHERE state IN ('pending', 'claimed')"
        " UNION ALL SELECT dedupe FROM inbox WHERE state IN ('pending', 'claimed')"
    )
    until = asyncio.get_running_loop().time() + QUIET_WITHIN
    while left := await world.database.rows(waiting):
        if asyncio.get_running_loop().time() > until:
            return [f"{key} was never done" for (key,) in left[:20]]
        await asyncio.sleep(0.2)
    return []


async def stopped(world: World) -> list[str]:
    """Stop the bots as one does; those that don't end well."""
    codes = {replica.name: await replica.end(signal.SIGTERM) for replica in world.replicas}
    return [f"{name} stopped with exit code {code}" for name, code in codes.items() if code]


async def judged(world: World, courses: dict[str, str]) -> Verdict:
    """Look at everything. courses: rollout to what people meant to do about it."""
    verdict = Verdict()
    stories = await told(world, courses)
    verdict.effects = len(world.ledger.effects)
    verdict.repeated = world.ledger.repeated.total()
    verdict.refused = world.ledger.refused.total()
    keys = Counter(key_of(message) for message in world.messages())
    verdict.messages = keys.total()
    verdict.posts = sum(n - 1 for key, n in keys.items() if key)
    for story in stories:
        verdict.phases[story.phase] += 1
        verdict.duplicates += walked(story, SOAKS).duplicates
        found = problems(story, SOAKS)
        verdict.violations += [f"{story.service} {story.version}: {each}" for each in found]
        if found:
            await keep(world, story, found)
    verdict.violations += [*await _given_up(world), *_nobodys(world, stories)]
    verdict.violations += [*_what_runs(world, stories), *await _audit(world)]
    return verdict


async def told(world: World, courses: dict[str, str]) -> list[Told]:
    """Every release there was, oldest first."""
    entries = await _entries(world)
    signers: defaultdict[str, list[str]] = defaultdict(list)
    for id_, person in await world.database.rows("SELECT aggregate_id, person FROM approval"):
        signers[id_].append(person)
    planned = frozenset(key for (key,) in await world.database.rows("SELECT key FROM op"))
    found = []
    for id_, service, version, phase, ended, state in await world.database.rows(
        "SELECT id, service, version_name, phase, ended_at IS NOT NULL, state"
        " FROM rollout ORDER BY created_at"
    ):
        known = json.loads(state)
        found.append(
            Told(
                id=id_,
                service=service,
                version=version,
                previous=known.get("previous", ""),
                phase=phase,
                ended=bool(ended),
                course=courses.get(id_, "stray"),
                requester=known["requested_by"]["person"],
                signers=signers[id_],
                entries=entries[id_],
                effects=[e for e in world.ledger.effects if e.key.split(":")[1] == id_],
                planned=planned,
                cards=_cards(world, id_),
            )
        )
    return found


async def _entries(world: World) -> dict[str, list[Entry]]:
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for id_, revision, event, before, after in await world.database.rows(
        "SELECT aggregate_id, revision, event, phase_before, phase_after FROM audit"
        " WHERE kind = 'rollout' ORDER BY id"
    ):
        type_ = str(json.loads(event).get("type", ""))
        found[id_].append(Entry(revision, type_, before, after))
    return found


def _cards(world: World, id_: str) -> list[str]:
    key = f"card:rollout:{id_}"
    cards = [message for message in world.messages() if key_of(message) == key]
    return [card.text + json.dumps(card.blocks) for card in cards]


async def _given_up(world: World) -> list[str]:
    dead = await world.database.rows("SELECT key, error FROM outbox WHERE state = 'dead'")
    unheard = await world.database.rows("SELECT dedupe, error FROM inbox WHERE state <> 'done'")
    return [f"{key} was given up: {error}" for key, error in (*dead, *unheard)]


def _nobodys(world: World, stories: list[Told]) -> list[str]:
    known = {story.id for story in stories}
    strange = [e for e in world.ledger.effects if e.key.split(":")[1] not in known]
    return [f"{effect.text} belongs to no release ({effect.key})" for effect in strange]


def _what_runs(world: World, stories: list[Told]) -> list[str]:
    """The target runs what the last release left behind, and nothing else has traffic."""
    wrong = []
    for service, shop in world.shops.items():
        last = [s for s in stories if s.service == service and s.phase in _LEAVES]
        if not last:
            continue
        wanted = last[-1].version if last[-1].phase == "completed" else last[-1].previous
        runs = shop.current.release.version
        if (wanted and runs != wanted) or shop.weight:
            wrong.append(f"{service} runs {runs} ({shop.weight:g} %) instead of {wanted}")
    return wrong


_LEAVES = frozenset({"completed", "rolled_back"})


async def _audit(world: World) -> list[str]:
    """The program's own verdict on its chain."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "audit", "verify"),
        env={"PATH": "", "COUNTERSIGN_DATABASE_URL": world.database.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return [f"audit verify: {said.decode().strip()}"] if process.returncode else []


async def keep(world: World, story: Told, found: list[str]) -> None:
    """Write down everything that is known about a release that went wrong."""
    lines: list[tuple[float, str]] = [*world.history]
    lines += [(e.at, f"EFFECT {e.text} (key {e.key}, seq {e.seq})") for e in story.effects]
    for at, revision, actor, event, after in await world.database.rows(
        "SELECT at, revision, actor, event, phase_after FROM audit"
        f" WHERE aggregate_id = '{story.id}' ORDER BY id"
    ):
        words = f"AUDIT {revision} {actor}: {event} -> {after}"
        lines.append((_epoch(at), words))
    for key, state, attempts, error, created, finished in await world.database.rows(
        "SELECT key, state, attempts, error, created_at, finished_at FROM outbox"
        f" WHERE aggregate_id = '{story.id}' ORDER BY id"
    ):
        words = f"OUTBOX {key} {state} after {attempts}, done {finished}: {error or ''}"
        lines.append((_epoch(created), words))
    head = [f"{story.service} {story.version} ({story.id}), meant to be {story.course}", *found]
    text = [f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {words}" for at, words in sorted(lines)]
    path = world.folder / f"story-{story.service}-{story.version}.txt"
    path.write_text("\n".join([*head, "", *text, "", *story.cards, ""]))


def _epoch(at: Any) -> float:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return float(moment.timestamp())
