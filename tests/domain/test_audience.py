"""Whom a share is of, and by what the side of a request is chosen: told to those who can do it."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.audience import Routing, left_out, routing, unmet
from bot.domain.decisions import decide
from bot.domain.events import Measured, PreflightPassed, Prepared
from bot.domain.metering import Meter, begin_wave
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.rollout import Rollout
from bot.domain.samples import Gauge, Measurement, Sample, Track, Unknown
from bot.domain.steps import begin_soak
from bot.domain.weights import weighed
from bot.slack.cards import Cards
from tests.blockkit import check_message
from tests.domain import builders as b
from tests.domain.builders import NOW
from tests.domain.going import document

FLAG = {"by": "feature_flag", "flag": "new-checkout", "sticky": "user", "backup": "load_balancer"}
ALL = ("audience", "flag", "sticky")


def plan(**shift: Any) -> Plan:
    waves = ({"audience": "beta group"}, {"audience": "everybody"})
    return compile_plan(document(*waves, shift={**FLAG, **shift}))


def moving(can: Collection[str], the: Plan | None = None, wave: int = 0) -> Rollout:
    """On its way to a wave, with a deployer that can do these things."""
    ready = msgspec.structs.replace(b.preparing(the or plan()), steers=tuple(can))
    on_the_way, _ = decide(ready, Prepared(ready.op_key, b.seen(0)), NOW)
    return msgspec.structs.replace(on_the_way, wave=wave)


def card(rollout: Rollout) -> str:
    message = Cards({}).card(rollout, NOW)
    check_message({"text": message.text, "blocks": list(message.blocks)})
    return str(message.blocks)


@pytest.mark.requirement("X-17")
@pytest.mark.parametrize(
    ("can", "wave", "told"),
    [
        (ALL, 0, Routing("beta group", "new-checkout", "user")),
        (ALL, 1, Routing("", "new-checkout", "user")),
        (("audience",), 0, Routing("beta group", "", "")),
        (("flag",), 0, Routing("", "new-checkout", "")),
        ((), 0, Routing()),
    ],
)
def test_the_deployer_is_told_what_it_can_do_and_nothing_else(
    can: tuple[str, ...], wave: int, told: Routing
) -> None:
    assert routing(moving(can, wave=wave)) == told


def test_a_plan_that_moves_weights_turns_no_flag() -> None:
    assert routing(moving(ALL, plan(by="weight"))) == Routing("beta group", "", "user")


@pytest.mark.requirement("X-17")
def test_before_anybody_signs_the_card_says_what_the_deployer_leaves_out() -> None:
    asked = b.fresh(plan())
    seen = PreflightPassed(b.ARTIFACT, b.OLD, "q1", steers=("sticky",))
    words = card(decide(asked, seen, NOW)[0])
    assert "knows no audiences: 10 % for beta group will be a share of everybody" in words
    assert "turns no flag new-checkout: traffic is moved by weight (load balancer)" in words
    assert "on one side" not in words
    able = msgspec.structs.replace(seen, steers=ALL)
    assert "The deployer" not in card(decide(asked, able, NOW)[0])


@pytest.mark.requirement("X-17")
def test_while_it_goes_on_the_card_says_whose_share_it_is() -> None:
    assert "'for beta group'" in card(moving(ALL))
    assert "meant for beta group, a share of everybody" in card(moving(()))


def test_what_a_plan_does_not_go_without_is_named() -> None:
    strict = plan(needs=["audience", "flag"])
    assert unmet(strict, ("flag",)) == ["narrowing a share to an audience"]
    assert unmet(strict, ALL) == []
    assert unmet(plan(), ()) == []


def test_a_plan_for_everybody_leaves_nothing_out() -> None:
    assert list(left_out(compile_plan(document()), ())) == []


@pytest.mark.parametrize(("can", "narrowed"), [(ALL, True), ((), False)])
def test_a_share_of_an_audience_is_not_taken_for_one_of_all_requests(
    can: tuple[str, ...], narrowed: bool
) -> None:
    soaking = begin_soak(moving(can), 10.0, NOW)
    assert soaking.meter.narrowed is narrowed
    assert not begin_wave(Meter(narrowed=True), "w2", NOW).narrowed


@pytest.mark.parametrize("can", [ALL, ()])
def test_a_gauge_can_not_be_divided_by_a_share_of_an_audience(can: tuple[str, ...]) -> None:
    made = document({"audience": "beta group"})
    made["metrics"] |= {"load": {"kind": "gauge", "query": "load", "per_weight": True}}
    rollout = msgspec.structs.replace(moving(can, compile_plan(made)), weight=10.0)
    load = Measurement("load", Track.CANARY, Sample(Gauge(5), NOW))
    look = Measured((load,), timedelta(), b.seen(10))
    (reading,) = weighed(rollout, look).measurements
    if can:
        assert isinstance(reading.reading, Unknown)
    else:
        assert isinstance(reading.reading, Sample)
        assert reading.reading.value == Gauge(50)
