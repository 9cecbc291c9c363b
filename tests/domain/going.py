"""A release by a small plan, driven through `decide`; the deployer does all at once."""

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from bot.domain.decisions import decide
from bot.domain.events import (
    Effect,
    Measured,
    Page,
    PostThread,
    Prepared,
    Promoted,
    RolloutEvent,
    SetTraffic,
    WaveApplied,
)
from bot.domain.people import Actor
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Counts, Gauge, Measurement, Probe, Sample, Track, Value
from tests.domain import builders as b

OLGA = Actor("olga", "U0OLGA", ("release_manager",))

PLAN: Mapping[str, Any] = {
    "schema": 1,
    "plan": "pace",
    "poll": "30s",
    "metrics": {
        "error_rate": {"kind": "ratio", "bad": "bad", "total": "all"},
        "memory": {"kind": "gauge", "query": "memory"},
        "health": {"kind": "probe"},
    },
    "evidence": {"on_inconclusive": "ask"},
    "approvals": {"production": {"any": 2}},
    "waves": [
        {"id": "w1", "traffic": "10%", "soak": "1h"},
        {"id": "w2", "traffic": "100%", "soak": "1h"},
    ],
}
FINE: Mapping[str, Value] = {"error_rate": Counts(0, 1000), "memory": Gauge(0.5)}


def document(*waves: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The plan with other keys in its waves, one map for each, and other keys of its own."""
    made = copy.deepcopy(dict(PLAN)) | more
    for old, new in zip(made["waves"], waves, strict=False):
        old.update(new)
    made["waves"] += waves[len(made["waves"]) :]
    return made


class Going:
    """A rollout, the time, and what it has asked for so far."""

    def __init__(self, made: Mapping[str, Any], start: datetime = b.NOW) -> None:
        self.now = start
        self.effects: list[Effect] = []
        self.weights: list[float] = []
        self.rollout: Rollout = b.preparing(compile_plan(made))
        self.happens(Prepared(self.rollout.op_key, b.seen(0)))

    def happens(self, event: RolloutEvent) -> list[Effect]:
        """Something happens now, and what is asked of the deployer is done."""
        self.rollout, effects = decide(self.rollout, event, self.now)
        self.rollout = msgspec.structs.replace(self.rollout, revision=self.rollout.revision + 1)
        self.effects += effects
        for effect in effects:
            if isinstance(effect, SetTraffic):
                self.weights.append(effect.weight)
                self.happens(WaveApplied(self.rollout.op_key, b.seen(effect.weight)))
        if self.rollout.phase is Phase.PROMOTING and self.rollout.op_key:
            self.happens(Promoted(self.rollout.op_key, b.LIVE))
        return list(effects)

    def look(self, minutes: float = 1, **values: Value) -> None:
        """Time passes, and the bot looks at fine numbers but for these."""
        self.now += timedelta(minutes=minutes)
        found = {**FINE, **values}
        readings = (
            Measurement(name, Track.CANARY, Sample(value, self.now))
            for name, value in found.items()
        )
        at = b.LIVE if self.rollout.phase is Phase.WATCHING else b.seen(self.rollout.weight)
        self.happens(Measured(tuple(readings), timedelta(minutes=minutes), at))

    def looks(self, n: int, minutes: float = 1, **values: Value) -> None:
        for _ in range(n):
            self.look(minutes, **values)

    @property
    def posts(self) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, PostThread)]

    @property
    def pages(self) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, Page)]

    def is_in(self, phase: Phase) -> bool:
        return self.rollout.phase is phase

    @property
    def phase(self) -> Phase:
        return self.rollout.phase


DOWN = Probe(False, "HTTP 503")
