"""A plan that contradicts itself is refused, in words that say where and what to write."""

# A row of a table is one line, however long.
# ruff: noqa: E501

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.conditions import Action
from bot.domain.documents import DocumentError, Path
from bot.domain.plan import Baseline, Metric
from bot.domain.plan_compile import compile_plan, measured_by
from tests.config.plans import refused, small, with_gate, with_trigger

WRONG: list[tuple[tuple[Path, Any], str]] = [
    ((("schema",), 2), "schema: is the number 2, but has to be 1"),
    ((("plan",), None), "`plan` is missing"),
    ((("pol",), "1s"), "pol: is unknown (did you mean 'poll'?)"),
    ((("extends",), "other"), "extends: is not merged yet"),
    ((("poll",), "0s"), "poll: has to be longer than nothing"),
    ((("poll",), "99999w"), "poll: '99999w' is longer than ten years"),
    ((("waves",), []), "waves: there are no waves (add at least one, the last with traffic 100%)"),
    ((("waves", 0, "id"), "last"), "waves[1].id: 'last' is used twice"),
    ((("waves", 0, "traffic"), "101%"), "waves[0].traffic: 101% is more than there is"),
    ((("waves", 1, "traffic"), "99.9%"), "waves[1].traffic: the last wave has to reach 100%"),
    (
        (("waves", 2), {"id": "back", "traffic": "50%", "soak": "1m"}),
        "waves[2].traffic: 50% is less than in the wave before (last has 100%; waves never go down by themselves)",
    ),
    (
        (("waves", 0, "on_breach"), "step_back"),
        "waves[0]: `step_back_to` is missing (how far to go back, like 5%)",
    ),
    (
        (("waves", 0, "step_back_to"), "5%"),
        "waves[0].step_back_to: has to be below the wave's traffic, 5%",
    ),
    (
        (("waves", 0, "cadence"), [{"every": "0m"}]),
        "waves[0].cadence[0].every: has to be longer than nothing",
    ),
    (
        (("approvals",), {}),
        "approvals: nobody signs a release (add `production: {any: 2}`, or the roles that sign as `all_of`)",
    ),
    (
        (("approvals", "production"), {"any": 1}),
        "approvals.production: asks 1 person, but at least 2 have to sign (list the roles in `all_of`, or write `any: 2`)",
    ),
    (
        (("approvals", "production"), {}),
        "approvals.production: asks no people, but at least 2 have to sign (list the roles in `all_of`, or write `any: 2`)",
    ),
    (
        (("approvals", "production"), {"any": 999}),
        "approvals.production: asks 999 people, which nobody can want",
    ),
    (
        (("approvals", "production", "expires"), "0s"),
        "approvals.production.expires: has to be longer than nothing",
    ),
    (
        (("approvals", "rollback"), {"any": 0}),
        "approvals.rollback: asks no people, but at least 1 have to sign (list the roles in `all_of`, or write `any: 1`)",
    ),
    (
        (("approvals", "prodution"), {"any": 2}),
        "approvals.prodution: is unknown (did you mean 'production'?)",
    ),
    (
        (("version",), {"prerelease": ["rc", "b.1"]}),
        "version.prerelease[1]: 'b.1' is not the first word of a prerelease (rc)",
    ),
    ((("evidence",), {"max_extend": "5000%"}), "evidence.max_extend: has to be at most 1000%"),
    (
        (("evidence",), {"rule_out": "0%"}),
        "evidence.rule_out: 0% is not a share that could be excluded (write 1%)",
    ),
    (
        (("evidence",), {"rule_out": "often"}),
        "evidence.rule_out: 'often' is not a share (write 1%, or one of: strict, rollback)",
    ),
    ((("evidence",), {"odds_fail": 1}), "evidence.odds_fail: has to be at least 2"),
    (
        (("baseline",), {"kind": "histroical"}),
        "baseline.kind: 'histroical' is not known here (did you mean 'historical'?)",
    ),
    ((("baseline",), {"window": "0s"}), "baseline.window: has to be longer than nothing"),
    (
        (("metrics", "error_rate", "good"), "x"),
        "metrics.error_rate: a ratio has either `bad` or `good` (the counter of failed, or of good requests)",
    ),
    (
        (("metrics", "error_rate", "bad"), None),
        "metrics.error_rate: a ratio has either `bad` or `good` (the counter of failed, or of good requests)",
    ),
    (
        (("metrics", "error_rate", "total"), None),
        "metrics.error_rate: `total` is missing (the counter of all requests)",
    ),
    (
        (("metrics", "error_rate", "q"), 0.5),
        "metrics.error_rate.q: does not belong to a ratio (it takes bad and good and total)",
    ),
    (
        (("metrics", "error_rate", "name"), "errors"),
        "metrics.error_rate.name: is the key in front of it (leave it out)",
    ),
    (
        (("metrics", "latency_p99", "q"), None),
        "metrics.latency_p99: `q` is missing (0.99 for the 99th percentile)",
    ),
    (
        (("metrics", "latency_p99", "histogram"), None),
        "metrics.latency_p99: `histogram` is missing (its counter of buckets, in seconds)",
    ),
    (
        (("metrics", "memory", "query"), None),
        "metrics.memory: `query` is missing (an expression with one value)",
    ),
    (
        (("metrics", "crashes", "query"), None),
        "metrics.crashes: `query` is missing (an expression with one value)",
    ),
    (
        (("metrics", "health", "query"), "up"),
        "metrics.health.query: does not belong to a probe (it takes url)",
    ),
    ((("metrics", "health", "every"), "0s"), "metrics.health.every: has to be longer than nothing"),
    (
        (("watch",), {"keep_previous": "1y"}),
        "watch.keep_previous: '1y' is not a duration (write a number and a unit, like 30s, 5m, 2h)",
    ),
]


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_contradiction_is_refused_with_its_place(change: tuple[Path, Any], said: str) -> None:
    assert refused(small(change)) == said


GATES = {
    "error_rat < 1%": "the plan has no metric 'error_rat' (did you mean 'error_rate'?)",
    "error_rate 1%": "'error_rate 1%' is not a condition; write it like error_rate < 0.1%",
    "error_rate < ": "'error_rate < ' is not a condition; write it like error_rate < 0.1%",
    "error_rate(5m) < 1%": "error_rate is a metric and takes nothing in brackets",
    "error_rate < 500ms": "500ms is not a share (write it like 0.1%)",
    "error_rate < 5": "5 is not a share (write it like 0.1%)",
    "error_rate < 150%": "150% is not a share (write it like 0.1%)",
    "error_rate == ok": "`ok` goes with probes, and probes only with `ok` (error_rate is a ratio)",
    "latency_p99 < 500": "500 is not a time (write it like 500ms or 2s)",
    "latency_p99 < 5%": "5% is not a time (write it like 500ms or 2s)",
    "latency_p99 < baseline + 1pp": "percentage points say nothing about a latency"
    " (write 2x baseline or baseline + 50%)",
    "crashes > 5%": "5% is not a number of events (write it like 10)",
    "crashes > 2x baseline": "a count has no baseline to compare with",
    "health < ok": "a probe is ok or not (write health != ok)",
    "health == 5": "`ok` goes with probes, and probes only with `ok` (health is a probe)",
    "error_rate < wave(later) + 1pp": "there is no earlier wave 'later'",
    "error_rate < wave(first) + 1pp": "there is no earlier wave 'first'",
}


@pytest.mark.parametrize("text", GATES)
def test_a_gate_that_can_never_be_judged_is_refused(text: str) -> None:
    assert refused(with_gate(text)) == f"waves[0].go_if[0].if: {GATES[text]}"


@pytest.mark.parametrize(
    "text",
    [
        "error_rate <= 100%",
        "error_rate < 0.5",
        "error_rate < baseline + 1pp",
        "error_rate < 2x baseline",
        "latency_p99 < 2s",
        "latency_p99 < baseline + 50%",
        "memory < 5",
        "memory < baseline - 10%",
        "crashes == 0",
        "health == ok",
        "health != ok",
    ],
)
def test_what_makes_sense_is_a_gate(text: str) -> None:
    (gate,) = compile_plan(with_gate(text)).waves[0].gates
    assert gate.text == text


def test_a_limit_names_an_earlier_wave_and_the_nearest_is_shown() -> None:
    second = (("waves", 1, "go_if"), [{"if": "error_rate < wave(firts) + 1pp"}])
    assert refused(small(second)).endswith("no earlier wave 'firts' (did you mean 'first'?)")
    fine = (("waves", 1, "go_if"), [{"if": "error_rate < wave(first) + 1pp"}])
    assert len(compile_plan(small(fine)).waves[1].gates) == 1


def test_requests_can_not_be_counted_where_there_are_none() -> None:
    none = (("waves", 0, "traffic"), "0%")
    assert refused(small(none)) == (
        "waves[0].go_if[0].if: at 0% there are no requests, and error_rate can't be measured"
        " (use a check or a probe here)"
    )
    probed = (("waves", 0, "go_if"), [{"if": "health == ok"}, {"check": "smoke"}])
    assert len(compile_plan(small(none, probed)).waves[0].gates) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"window": "1m"},
            ".window: does not belong to a gate (a gate is judged over the wave's whole soak)",
        ),
        (
            {"for": "1m"},
            ".for: does not belong to a gate (a gate is judged over the wave's whole soak)",
        ),
        (
            {"consecutive": 2},
            ".consecutive: does not belong to a gate (a gate is judged over the wave's whole soak)",
        ),
        (
            {"do": "pause"},
            ".do: does not belong to a gate (what a failed gate does is the wave's `on_breach`)",
        ),
        ({"by": ["qa"]}, ".by: names who attests, and goes with `attest`"),
        ({"optional": True}, ".optional: goes with `attest` or `check`"),
        (
            {"check": "smoke"},
            ": has several of `if` or `attest` or `check` or `include` or `targets` or `stable`"
            " (write exactly one)",
        ),
        (
            {"id": "A b"},
            ".id: 'A b' is not an id (write small letters, digits, - and _, at most 80)",
        ),
    ],
)
def test_a_key_that_nobody_would_read_is_refused_in_a_gate(more: dict[str, Any], said: str) -> None:
    assert refused(with_gate("error_rate < 1%", **more)) == f"waves[0].go_if[0]{said}"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({}, ": has none of `if` or `event` (write exactly one)"),
        ({"attest": "All well?"}, ".attest: can't stand here (write `if` or `event`)"),
        ({"check": "smoke"}, ".check: can't stand here (write `if` or `event`)"),
        ({"event": "data_loss", "window": "1m"}, ".window: goes with `if`, not with `event`"),
        ({"if": "error_rate > 1%", "for": "5m", "consecutive": 2}, ": has both `for` and `consecutive` (keep one of them)"),
        ({"if": "error_rate > 1%", "for": "1m", "window": "5m"}, ".for: is shorter than `window`"),
        ({"if": "error_rate > 1%", "window": "0s"}, ".window: has to be longer than nothing"),
        ({"if": "error_rate > 1%", "window": "500ms"}, ".window: is shorter than one look at the metrics (make it longer, or `poll` shorter)"),
        ({"if": "error_rate > 1%", "do": "step_back"}, ".do: steps back, but wave first has no `step_back_to` (say there how far to go back)"),
        ({"if": "error_rate > wave(first) + 1pp"}, ".if: there is no earlier wave 'first'"),
        ({"if": "health != ok", "evidence": "require"}, ".if: a probe counts no requests that could be evidence (leave `evidence: require` out)"),
        ({"event": "data_loss", "evidence": "require"}, ".evidence: belongs to a trigger on a metric (gates rest on evidence anyway, and alerts do nothing)"),
        ({"id": "errors", "if": "error_rate > 9%"}, ": there are two conditions 'errors' (give each an `id` of its own)"),
    ],
)  # fmt: skip
def test_a_trigger_that_could_never_fire_is_refused(condition: dict[str, Any], said: str) -> None:
    assert refused(with_trigger(**condition)) == f"triggers[1]{said}"


def test_a_plan_says_how_sure_its_gates_have_to_be_and_what_they_are_held_against() -> None:
    plain = compile_plan(small())
    assert (plain.odds_fail, plain.odds_pass, plain.rule_out) == (100, 20, "rollback")
    assert plain.baseline == Baseline("concurrent", "", timedelta(hours=1))
    evidence = {"odds_fail": 50, "odds_pass": 10, "rule_out": "2.5%"}
    beside = {"kind": "concurrent", "fallback": "historical", "window": "24h"}
    said = compile_plan(small((("evidence",), evidence), (("baseline",), beside)))
    assert (said.odds_fail, said.odds_pass, said.rule_out) == (50, 10, 0.025)
    assert said.baseline == Baseline("concurrent", "historical", timedelta(days=1))
    assert compile_plan(small((("evidence",), {"rule_out": "strict"}))).rule_out == "strict"


def test_a_trigger_may_ask_for_evidence() -> None:
    plan = compile_plan(with_trigger(**{"if": "error_rate > 2%", "evidence": "require"}))
    assert [trigger.proof for trigger in plan.triggers] == [False, True]


def test_alerts_only_look_at_numbers() -> None:
    alert = (("alerts",), {"critical": [{"event": "fire"}]})
    assert refused(small(alert)) == "alerts.critical[0].event: can't stand here (write `if`)"


def test_an_alert_that_would_act_is_refused() -> None:
    alert = (("alerts",), {"critical": [{"if": "memory > 90%", "do": "rollback"}]})
    assert refused(small(alert)) == (
        "alerts.critical[0].do: an alert only tells people (write a trigger instead)"
    )


def test_one_id_stands_for_one_condition_in_the_whole_plan() -> None:
    alert = (("alerts",), {"warning": [{"id": "errors", "if": "error_rate > 1%"}]})
    assert refused(small(alert)) == (
        "alerts.warning[0]: there are two conditions 'errors' (give each an `id` of its own)"
    )


def test_a_condition_without_an_id_is_called_after_its_text_and_its_place() -> None:
    alert = (
        ("alerts",),
        {"critical": [{"if": "error_rate > 1%"}], "warning": [{"if": "error_rate > 1%"}]},
    )
    plan = compile_plan(small(alert, (("triggers", 1), {"event": "data_loss"})))
    assert [gate.id for gate in plan.waves[0].gates] == ["first-error-rate-lt-1-pct"]
    assert plan.triggers[1].id == "trigger-data-loss"
    assert plan.alerts["critical"][0].id == "critical-error-rate-gt-1-pct"
    assert plan.alerts["warning"][0].id == "warning-error-rate-gt-1-pct"


def test_two_limits_on_either_side_have_ids_of_their_own() -> None:
    both = [{"if": "memory > 20%"}, {"if": "memory < 20%"}, {"if": "memory <= 2.0"}]
    gates = compile_plan(small((("waves", 0, "go_if"), both))).waves[0].gates
    assert len({gate.id for gate in gates}) == 3


def test_what_is_left_out_is_what_is_safe() -> None:
    plan = compile_plan(small())
    assert plan.triggers[0].do is Action.ROLLBACK
    assert plan.waves[0].on_breach == "rollback"
    assert plan.waves[0].on_inconclusive == "extend"
    assert plan.rollback_approval is None
    assert plan.keep_previous == timedelta(hours=1)
    assert plan.drain == timedelta(seconds=30)
    assert plan.poll == timedelta(seconds=1)
    assert plan.approval.expires == timedelta(hours=24)
    assert plan.prerelease is None


def test_an_alert_tells_and_does_nothing_else_unless_asked_to() -> None:
    alert = (("alerts",), {"warning": [{"if": "memory > 90%", "say": "full", "act": "look"}]})
    (condition,) = compile_plan(small(alert)).alerts["warning"]
    assert (condition.do, condition.say, condition.act) == (Action.NOTIFY, "full", "look")


def test_a_comment_is_required_only_where_the_plan_says_so() -> None:
    commented = (("approvals", "production", "comment"), "required")
    assert compile_plan(small(commented)).approval.comment_required
    assert not compile_plan(small()).approval.comment_required


def test_an_environment_may_measure_a_metric_in_its_own_way() -> None:
    plan = compile_plan(small())
    ours = measured_by(plan, {"error_rate": Metric(kind="ratio", good="ok", total="all")})
    assert (ours.metrics["error_rate"].good, ours.metrics["error_rate"].bad) == ("ok", "")
    assert ours.metrics["memory"] == plan.metrics["memory"]
    assert ours.digest != plan.digest
    assert compile_plan(ours.document) == ours
    assert measured_by(plan, {"other": Metric(kind="gauge", query="x")}) is plan
    with pytest.raises(DocumentError, match="`ok` goes with probes"):
        measured_by(plan, {"error_rate": Metric(kind="probe")})


def test_a_trigger_may_step_back_in_a_wave_that_says_how_far() -> None:
    wave = (("waves", 1, "triggers"), [{"if": "memory > 90%", "do": "step_back"}])
    far = (("waves", 1, "step_back_to"), "5%")
    assert "waves[1].triggers[0].do" in refused(small(wave))
    plan = compile_plan(small(wave, far))
    assert plan.triggers_of(plan.waves[1])[-1].do is Action.STEP_BACK
    assert plan.waves[1].step_back_to == 5.0


def test_the_digest_changes_with_every_number_and_with_nothing_else() -> None:
    plan, again = compile_plan(small()), compile_plan(small())
    other = compile_plan(small((("waves", 0, "soak"), "11m")))
    turned = dict(reversed(small().items()))
    assert plan.digest == again.digest == compile_plan(turned).digest
    assert plan.digest != other.digest
