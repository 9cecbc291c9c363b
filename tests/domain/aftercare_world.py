"""A release after 100 % in the domain alone: a plan, a clock, and what was said.

`Story` carries an aftercare on from instant to instant as the tick does: it looks when it said that
it wants to be looked at, and never in between.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from bot.domain.after_facts import Known, facts
from bot.domain.after_measuring import needed
from bot.domain.after_state import Aftercare, AftercareEvent, Looked, SignoffSigned, questions
from bot.domain.aftercare import begin, decide
from bot.domain.events import (
    AskSigners,
    Effect,
    ItemTicked,
    Page,
    PostThread,
    RunCheck,
    Seen,
    Whisper,
)
from bot.domain.people import THE_BOT, Actor
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.samples import (
    Buckets,
    Counts,
    Gauge,
    Measurement,
    Probe,
    Sample,
    Track,
    Unknown,
    Value,
)
from tests.domain.builders import NOW, completed

LEAD = Actor("lead", "U0LEAD", ("release_manager",))
QA = Actor("quinn", "U0QA", ("qa",))
DAY = timedelta(days=1)

METRICS: Mapping[str, Any] = {
    "error_rate": {"kind": "ratio", "bad": "bad", "total": "total"},
    "cache_hit": {"kind": "gauge", "query": "cache"},
    "health": {"kind": "probe", "url": "/health"},
}


def document(**sections: Any) -> dict[str, Any]:
    """The document of a small plan with these sections."""
    return {
        "schema": 1,
        "plan": "small",
        "metrics": METRICS,
        "approvals": {"production": {"any": 2}},
        "waves": [
            {"id": "all", "traffic": "100%", "soak": "10s", "go_if": [{"if": "error_rate < 1%"}]}
        ],
        **sections,
    }


def plan(**sections: Any) -> Plan:
    return compile_plan(document(**sections))


class Story:
    """One aftercare. bad: the share of failing requests; values: of gauges and probes."""

    def __init__(self, the_plan: Plan, *, checks: Mapping[str, bool] = {}, **values: Value) -> None:
        begun = begin(msgspec.structs.replace(completed(), plan=the_plan), NOW)
        assert begun is not None, "the plan asks for nothing after a release"
        self.care, effects = begun
        self.now = NOW
        self.looks = 0
        self.bad = 0.0
        good: dict[str, Value | None] = {"health": Probe(ok=True), "cache_hit": Gauge(0.9)}
        self.values = {**good, **values}
        self.known = Known(share=1.0, rollbacks=0)
        self.current = "v1.2.0"
        self.blind = ""
        self.checks = dict(checks)
        self.effects: list[tuple[datetime, Effect]] = [(NOW, each) for each in effects]
        self._read_at = NOW
        self.wait(timedelta())

    # --- time -------------------------------------------------------------------------------

    def wait(self, span: timedelta) -> None:
        """Time passes, and what is due is looked at when it is due."""
        end = self.now + span
        while (at := self.care.next_check_at) is not None and at <= end:
            self.now = max(self.now, at)
            self.look()
        self.now = end

    def sleep(self, span: timedelta) -> None:
        """Time passes, and nobody looks."""
        self.now += span

    def look(self) -> None:
        self.looks += 1
        assert self.looks < 2000, "it wants to be looked at all the time"
        names = needed(self.care, self.now)
        readings = tuple(
            Measurement(name, Track.CANARY, self._reading(name)) for name in names if not self.blind
        )
        self._read_at = self.now
        seen = None if self.blind else Seen(self.current, "", 0.0)
        self.happens(Looked(readings, facts(self.care, self.known), seen, self.blind))

    def _reading(self, name: str) -> Sample | Unknown:
        total = (self.now - self._read_at) / timedelta(seconds=1)
        match self.care.the_plan.metrics[name].kind:
            case "ratio":
                return Sample(Counts(total * self.bad, total), self.now, "place")
            case "quantile":
                return Sample(Buckets(total, ((0.1, total),)), self.now, "place")
            case _:
                value = self.values.get(name)
                return Sample(value, self.now) if value is not None else Unknown("no series")

    def happens(self, event: AftercareEvent) -> tuple[Effect, ...]:
        """An event, its revision counted as the store does; checks answer at once."""
        before = self.care
        self.care, effects = decide(before, event, self.now)
        if self.care != before or effects:
            revision = before.revision + 1
            self.care = msgspec.structs.replace(self.care, revision=revision)
        self.effects += [(self.now, effect) for effect in effects]
        for effect in effects:
            if isinstance(effect, RunCheck) and effect.check in self.checks:
                ok = self.checks[effect.check]
                self.happens(ItemTicked(THE_BOT, effect.gate, ok, "ran"))
        return effects

    # --- people -----------------------------------------------------------------------------

    def answer(self, item: str, ok: bool = True, actor: Actor = QA, evidence: str = "") -> None:
        self.happens(ItemTicked(actor, item, ok, evidence))
        self.wait(timedelta())

    def answer_all(self, *actors: Actor) -> None:
        """Everybody says yes to what is theirs."""
        for _, item in list(questions(self.care)):
            for actor in actors:
                if not item.by or set(item.by) & set(actor.roles):
                    self.happens(ItemTicked(actor, item.id, True, "looked at"))
                    break
        self.wait(timedelta())

    def sign(self, signoff: str, actor: Actor = LEAD) -> None:
        request = self.care.requests.get(signoff)
        digest = request.digest if request is not None else ""
        self.happens(SignoffSigned(actor, signoff, digest))
        self.wait(timedelta())

    # --- what was said ----------------------------------------------------------------------

    def posts(self) -> list[tuple[timedelta, str]]:
        """What was said in the thread, and how long after the completion."""
        return [(at - NOW, e.text) for at, e in self.effects if isinstance(e, PostThread)]

    def said(self, words: str) -> list[timedelta]:
        """When something with these words was said."""
        return [at for at, text in self.posts() if words in text]

    def pages(self) -> list[str]:
        return [effect.text for _, effect in self.effects if isinstance(effect, Page)]

    def asked(self, signoff: str) -> list[timedelta]:
        """When people were asked to sign."""
        return [
            at - NOW for at, e in self.effects if isinstance(e, AskSigners) and e.purpose == signoff
        ]

    def refusal(self) -> str:
        """What the last act was answered with."""
        _, last = self.effects[-1]
        assert isinstance(last, Whisper), last
        return last.text

    @property
    def open(self) -> bool:
        return not self.care.ended


def state_of(care: Aftercare) -> Aftercare:
    """Through JSON and back, as a restart would have it."""
    text = msgspec.json.encode(msgspec.structs.replace(care, plan=None))
    kept = msgspec.json.decode(text, type=Aftercare)
    return msgspec.structs.replace(kept, plan=care.plan)
