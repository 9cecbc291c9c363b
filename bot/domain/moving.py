"""A look while traffic is on its way: what breaks now takes it back, and nothing else is decided.

A target may take minutes to move traffic, and some of it is live all the time. Gates and the soak
wait for the confirmation; triggers and alerts don't.
"""

from datetime import datetime

from bot.domain import facts
from bot.domain.events import Effect, Measured
from bot.domain.judging import (
    BLIND_FOR,
    aimed,
    alerting,
    blindness,
    broke,
    broken_limit,
    note_blindness,
    report,
    watched_limits,
)
from bot.domain.knowing import fold_in
from bot.domain.rollout import Rollout
from bot.domain.steps import Decision, change, show
from bot.domain.weights import weighed


def look(rollout: Rollout, event: Measured, now: datetime) -> Decision:
    """Fold a measurement in; roll back, step back, pause or call people where the plan says so."""
    event = weighed(change(rollout, weight=_share(rollout, event)), event)
    measured = fold_in(rollout, event, now)
    watched, verdicts = facts.tell(*watched_limits(measured, event.measurements, now), now)
    watched = change(watched, findings=rollout.findings)
    broken = broken_limit(watched, verdicts)
    if broken is not None:
        return broke(watched, *broken, verdicts, now)
    watched, said = alerting(watched, verdicts)
    blind = blindness(event, watched)
    seeing = note_blindness(watched, blind, now)
    called = _called(rollout, seeing, blind, now)
    return report(aimed(seeing, now), (*called, *said), now)


def _share(rollout: Rollout, event: Measured) -> float:
    """Percent of the traffic that is on the candidate just now, as far as it can be seen."""
    if event.seen is None:
        return rollout.weight
    return 100.0 if event.seen.current == rollout.version else event.seen.weight


def _called(before: Rollout, seeing: Rollout, blind: str, now: datetime) -> tuple[Effect, ...]:
    """People are called once when nothing has been known for too long; the change goes on."""
    since, last = seeing.blind_since, before.measured_at
    if since is None or now - since < BLIND_FOR or (last is not None and last - since >= BLIND_FOR):
        return ()
    text = f"Nothing has been known for 2 minutes while traffic moves: {blind}. Pause or roll back."
    return show(text, page=text)
