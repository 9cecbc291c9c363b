"""Standups that never were: what templates of one's own are tried on when the bot starts."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bot.domain.evidence import Verdict
from bot.domain.standup_state import SECTIONS, Action, Issue, Standup, Topic, Value

_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
_VALUE = Value(
    id="errors",
    text="error_rate < 1%",
    shown="0.2%",
    value=0.002,
    verdict=Verdict.PASS,
    baseline="0.1%",
    before="0.3%",
    yesterday="0.2%",
    trend="same",
    course=(0.001, None, 0.002),
    limit=0.01,
)
_ISSUE = Issue(_AT, "the cache was cold", "it was new", "it is filled now", True)
_TOPIC = Topic(
    rollout_id="r1",
    service="checkout",
    environment="production",
    version="v1.2.0",
    where="wave 1 of 4, 5 %, soaking",
    values=(_VALUE, Value("cpu", "cpu", "31")),
    alerts=("more errors than usual",),
    people_say=("1 escalation",),
    issues=(_ISSUE, Issue(_AT, "it was slow")),
    focus=("an answer from QA",),
    duties=("QA: tests the features",),
    dashboards=("Status: error rate",),
)
_ACTIONS = (
    Action(number=1, text="look at the log", owner="ada", by="mary", since=_AT - timedelta(days=1)),
    Action(number=2, text="call them", by="mary", since=_AT, done_by="ada", done_at=_AT),
    Action(number=3, text="wait", by="mary", since=_AT, done_at=_AT, dropped=True),
)
_FULL = Standup(
    id="su-1",
    series="C0:test",
    channel="C0",
    plan="test",
    attendees=("operations",),
    topics=(_TOPIC,),
    issues=(_ISSUE,),
    shipped=("checkout v1.1.0",),
    waits=("a signature",),
    planned=("checkout v1.3.0",),
    dora=("Deployments: 3",),
    actions=_ACTIONS,
    created_at=_AT,
    next_at=_AT + timedelta(days=1),
)
_BARE = Standup(id="su-2", series="C0:test", channel="C0", plan="test", created_at=_AT)


def trials(name: str) -> Iterator[Mapping[str, Any]]:
    """What a template is filled in with: one standup with everything, and one with nothing."""
    bare = Topic(rollout_id="r2", service="s", environment="e", version="v", where="it waits")
    for standup, topic in ((_FULL, _TOPIC), (_BARE, bare)):
        match name:
            case "topic":
                yield {"standup": standup, "topic": topic, "agenda": SECTIONS}
            case "actions":
                yield {"standup": standup, "command": "/standup"}
            case _:
                yield {"standup": msgspec.structs.replace(standup, topics=())}
