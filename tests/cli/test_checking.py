"""`plan check`: what is sound and won't work well, and all mistakes at once."""

from pathlib import Path

import pytest

from bot.domain.advice import parse_rate
from tests.cli.typed import typed

USUAL = "0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10"

PLAN = """\
schema: 1
plan: mine
metrics:
  error_rate: {kind: ratio, bad: errors, total: 'requests{$track}'}
  latency:    {kind: quantile, q: 0.99, histogram: 'seconds_bucket{$track}'}
approvals: {production: {any: 2}}
waves:
  - id: p5
    traffic: 5%
    soak: 30m
    go_if:
      - {if: error_rate < 1%}
      - {if: latency < 500ms}
  - {id: p100, traffic: 100%, soak: 1h}
triggers:
  - {id: slow, if: latency > 2x baseline, do: rollback}
evidence: {min_requests: 2000}
baseline: {fallback: historical}
"""

PASTLESS = ("baseline: {fallback: historical}\n", "")


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = PLAN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return written(tmp_path)


# --- traffic --------------------------------------------------------------------------------


def test_a_gate_that_the_traffic_can_not_settle_is_told_with_its_line(plan: Path) -> None:
    done = typed("plan", "check", plan, "--traffic", "200/min")
    assert done.code == 0
    first, second, last = done.out.splitlines()
    assert first.startswith(f"mine: warning: {plan}:12: waves[0].go_if[0]: error_rate < 1%: it ")
    assert "about 2,000 clean requests, 3h 20m at 10/min (5 % of the traffic)" in first
    assert "the soak is 1h with every extension, and then a person is asked" in first
    assert "let p5 soak 3h 20m or longer, give it more traffic" in first
    assert ":13: waves[0].go_if[1]: latency < 500ms" in second
    assert last == "1 plan is sound, with 2 warnings."


def test_with_traffic_enough_there_is_no_warning(plan: Path) -> None:
    done = typed("plan", "check", plan, "--traffic", "40/s", "--strict")
    assert (done.code, done.out) == (0, "1 plan is sound.\n")


def test_without_knowing_the_traffic_nothing_is_said_about_it(plan: Path) -> None:
    assert typed("plan", "check", plan, "--strict").out == "1 plan is sound.\n"


def test_a_key_that_the_bot_passes_over_is_told_with_its_line(tmp_path: Path) -> None:
    more = "plan: mine\nshift: {by: feature_flag}\n"
    done = typed("plan", "check", written(tmp_path, ("plan: mine\n", more)))
    assert ":3: shift: is by a flag without a name" in done.out
    assert done.out.endswith("1 plan is sound, with 1 warning.\n")


def test_strict_makes_a_warning_a_failure(plan: Path) -> None:
    assert typed("plan", "check", plan, "--traffic", "200/min", "--strict").code == 1


def test_a_program_is_told_plan_place_and_what_to_do(plan: Path) -> None:
    told = typed("plan", "check", plan, "--traffic", "200/min", "--json").json
    assert {(each["plan"], each["level"], each["line"]) for each in told} == {
        ("mine", "warning", 12),
        ("mine", "warning", 13),
    }
    assert all(each["file"] == str(plan) and each["hint"] for each in told)


def test_a_wave_that_goes_on_without_evidence_or_has_no_soak_is_told_so(tmp_path: Path) -> None:
    proceeds = ("soak: 30m", "soak: 30m\n    on_inconclusive: proceed")
    told = typed("plan", "check", written(tmp_path, proceeds), "--traffic", "200/min").out
    assert "the soak is 30m, and then the wave goes on without it" in told
    none = typed(
        "plan", "check", written(tmp_path, ("soak: 30m", "soak: 0m")), "--traffic", "200/min"
    )
    assert "the wave has no soak, and after 1m a person is asked" in none.out


def test_it_takes_four_requests_for_each_one_of_the_share_to_be_ruled_out(tmp_path: Path) -> None:
    strict = ("min_requests: 2000", "rule_out: strict")
    plan = written(tmp_path, ("error_rate < 1%", "error_rate < 0.1%"), strict)
    told = typed("plan", "check", plan, "--traffic", "200/min").out
    # 4,105 clean requests exclude 0.1 % at 20 to 1, and 410 exclude 1 %.
    assert "error_rate < 0.1%: it takes about 4,10" in told
    assert "6h 51m at 10/min" in told
    assert "latency < 500ms" not in told  # 41 minutes of the hour


def test_a_gate_that_has_nothing_to_be_compared_with_is_told(tmp_path: Path) -> None:
    gate = ("soak: 1h}", "soak: 1h, go_if: [{if: error_rate < 2x baseline}]}")
    track = ("errors,", "'errors{$track}',")
    told = typed("plan", "check", written(tmp_path, gate, track, PASTLESS)).out
    assert "at 100 % the old version has no traffic to compare with" in told
    assert "`baseline: {fallback: historical}`" in told
    assert typed("plan", "check", written(tmp_path, gate)).out == "1 plan is sound.\n"


def test_a_trigger_that_would_be_silent_at_100_percent_is_told(tmp_path: Path) -> None:
    told = typed("plan", "check", written(tmp_path, PASTLESS)).out
    assert ":16: triggers[0]: latency > 2x baseline: at 100 % the old version has no" in told
    assert "and it never acts there" in told
    alone = ("{id: p100, traffic: 100%, soak: 1h}", "{id: p50, traffic: 50%, soak: 1h}")
    assert "never acts" not in typed("plan", "check", written(tmp_path, PASTLESS, alone)).out


def test_a_level_is_told_when_its_minutes_are_too_few(tmp_path: Path) -> None:
    level = ("approvals:", "  cpu: {kind: gauge, query: 'cpu{$track}'}\napprovals:")
    gate = ("error_rate < 1%", "cpu < baseline + 40%")
    long = written(tmp_path, level, gate)
    assert typed("plan", "check", long).out == "1 plan is sound.\n"
    told = typed("plan", "check", written(tmp_path, level, gate, ("soak: 30m", "soak: 3m"))).out
    assert "levels are compared minute by minute" in told


@pytest.mark.thorough
def test_traffic_of_a_service_is_used_for_its_plan(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    written(tmp_path / "plans")
    config = tmp_path / "countersign.yml"
    config.write_text(
        """\
schema: 1
plans: [./plans]
channels: {default: C0RELEASES}
services:
  checkout:
    plan: mine
    traffic: 200/min
    environments: {production: {deployer: {kind: http, url: "http://127.0.0.1:1"}}}
"""
    )
    told = typed("plan", "check", "mine", "--config", config)
    assert "at 10/min" in told.out
    by_type = config.read_text().replace("plan: mine", "plan: quickstart\n    plans: {major: mine}")
    config.write_text(by_type)
    assert "at 10/min" in typed("plan", "check", "mine", "--config", config).out
    more = typed("plan", "check", "mine", "--config", config, "--traffic", "1000/s")
    assert more.out == "1 plan is sound.\n"


def test_a_plan_that_inherits_its_gate_is_told_where_the_gate_is(plan: Path) -> None:
    child = plan.parent / "child.yaml"
    child.write_text("schema: 1\nplan: child\nextends: mine\n")
    told = typed("plan", "check", plan, child, "--traffic", "200/min", "--json").json
    assert {(each["plan"], each["file"]) for each in told} == {
        ("mine", str(plan)),
        ("child", str(plan)),
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--traffic", "lots"), "write it like 200/min, 3.5/s or 600/h"),
        (("--traffic", "0/min"), "write it like 200/min"),
        (("--buckets", "0.5,0.1"), "ascending seconds"),
        (("--buckets", "none"), "ascending seconds"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    plan: Path, words: tuple[str, ...], told: str
) -> None:
    done = typed("plan", "check", plan, *words)
    assert (done.code, told in done.err) == (2, True)


def test_traffic_is_counted_in_requests_per_minute() -> None:
    assert [parse_rate(text) for text in ("200/min", "3.5/s", "600 / h")] == [200, 210, 10]


# --- histograms -----------------------------------------------------------------------------


def told(folder: Path, condition: str, edges: str, gate: bool = True) -> str:
    change = ("latency < 500ms", condition) if gate else ("latency > 2x baseline", condition)
    done = typed("plan", "check", written(folder, change), "--buckets", edges)
    assert done.code == 0
    lines: list[str] = done.out.splitlines()[:-1]
    return "\n".join(lines)


def test_a_limit_on_an_edge_can_be_told(tmp_path: Path) -> None:
    assert told(tmp_path, "latency < 500ms", USUAL) == ""
    assert told(tmp_path, "latency < 500ms", "other=0.1,0.2") == ""


@pytest.mark.parametrize(
    ("condition", "edges", "words"),
    [
        ("latency < 800ms", USUAL, "it passes only below 500ms, fails only above 1s"),
        ("latency < 800ms", USUAL, "add an edge at 800ms, or move the limit to 500ms or 1s"),
        ("latency < 800ms", "latency=0.1,0.5", "above the highest edge, 500ms: it can never fail"),
        ("latency < 50ms", "0.1,0.5", "below the lowest edge, 100ms: it can never pass"),
        ("latency < baseline + 10%", USUAL, "edges of the histogram are 2 to 2.5 times apart"),
        ("latency < baseline + 10%", USUAL, "add edges 1.1 times apart around the usual p99"),
    ],
)
def test_a_gate_between_edges_is_told_how_it_will_be_judged(
    tmp_path: Path, condition: str, edges: str, words: str
) -> None:
    said = told(tmp_path, condition, edges)
    assert "waves[0].go_if[1]" in said
    assert words in said


@pytest.mark.parametrize(
    ("condition", "edges", "words"),
    [
        ("latency > 800ms", USUAL, "it comes true only above 1s"),
        ("latency > 20s", USUAL, "it can never come true"),
        ("latency > baseline + 50%", USUAL, "only a p99 of 2 to 2.5 times the baseline's"),
    ],
)
def test_a_trigger_between_edges_is_told_when_it_will_fire(
    tmp_path: Path, condition: str, edges: str, words: str
) -> None:
    said = told(tmp_path, condition, edges, gate=False)
    assert ":16: triggers[0]: " in said
    assert words in said


def test_twice_the_baseline_can_be_read_from_the_usual_edges(tmp_path: Path) -> None:
    assert told(tmp_path, "latency > 2x baseline", USUAL, gate=False) == ""
    assert told(tmp_path, "latency > 2x baseline", "0.1,1,10", gate=False) != ""


# --- mistakes -------------------------------------------------------------------------------


def test_words_that_yaml_reads_in_two_ways_do_not_hide_other_mistakes(tmp_path: Path) -> None:
    plan = written(tmp_path, ("soak: 30m", "soak: on"), ("traffic: 100%", "trafic: 100%"))
    done = typed("plan", "check", plan)
    assert done.code == 1
    first, second = done.out.splitlines()
    assert ":10: waves[0].soak: `on` is a word to some readers" in first
    assert ":14: waves[1].trafic: is unknown (did you mean 'traffic'?)" in second


def test_all_conditions_that_can_not_be_are_told_at_once(tmp_path: Path) -> None:
    wrong = [
        ("error_rate < 1%", "eror_rate < 1%"),
        ("latency < 500ms", "latency < 500"),
        ("latency > 2x baseline", "latency > baseline + 1pp"),
    ]
    done = typed("plan", "check", written(tmp_path, *wrong))
    assert done.code == 1
    assert [line.split(":")[1] for line in done.out.splitlines()] == ["12", "13", "16"]
    assert "did you mean 'error_rate'" in done.out


# --- people ---------------------------------------------------------------------------------

ONE_PERSON = [
    "{}",
    "{any: 1}",
    "{all_of: [security]}",
    "{all_of: [], any: 1}",
    "{all_of: [security], any: 0}",
]


@pytest.mark.parametrize("rule", ONE_PERSON)
def test_a_plan_that_one_person_could_pass_is_refused(tmp_path: Path, rule: str) -> None:
    done = typed("plan", "check", written(tmp_path, ("{any: 2}", rule)))
    assert done.code == 1
    assert "at least 2 have to sign" in done.out


@pytest.mark.parametrize(
    ("rule", "seats"),
    [("{all_of: [a], any: 1}", 2), ("{all_of: [a, a]}", 2), ("{all_of: [a, b], any: 1}", 3)],
)
def test_two_seats_are_two_people_however_they_are_asked_for(
    tmp_path: Path, rule: str, seats: int
) -> None:
    plan = written(tmp_path, ("{any: 2}", rule))
    assert typed("plan", "check", plan).code == 0
    shown = typed("plan", "preview", "mine", "--config", _with(tmp_path)).out
    line = next(line for line in shown.splitlines() if line.startswith("Signed by: "))
    assert len(line.split(", ")) == seats


def _with(folder: Path) -> Path:
    config = folder / "countersign.yml"
    config.write_text(
        f"schema: 1\nplans: ['{folder}']\nchannels: {{default: C0RELEASES}}\nservices:\n"
        "  checkout: {plan: mine, environments: {production: "
        "{deployer: {kind: http, url: 'http://127.0.0.1:1'}}}}\n"
    )
    config.rename(folder.parent / "countersign.yml")
    return folder.parent / "countersign.yml"


@pytest.mark.parametrize(
    "weaker",
    ["{any: 1}", "{any: 0, all_of: [security]}", "{any: 0}", "{any: 1, all_of: []}"],
)
def test_what_extends_can_not_weaken_it_to_one_person(plan: Path, weaker: str) -> None:
    child = plan.parent / "child.yaml"
    approvals = f"approvals: {{production: {weaker}}}"
    child.write_text(f"schema: 1\nplan: child\nextends: mine\n{approvals}\n")
    done = typed("plan", "check", plan, child)
    assert done.code == 1
    assert f"{child}:4: approvals.production: asks " in done.out


def test_what_extends_a_plan_of_three_roles_may_ask_for_other_two(tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    text = "schema: 1\nplan: child\nextends: whispercache-canary\napprovals: {production: RULE}\n"
    child.write_text(text.replace("RULE", "{all_of: [security]}"))
    assert "asks 1 person" in typed("plan", "check", child).out
    child.write_text(text.replace("RULE", "{all_of: [security, operations]}"))
    assert typed("plan", "check", child).code == 0


def test_an_audience_that_the_house_can_not_reach_is_told_before_a_release(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    plan = written(tmp_path / "plans")
    plan.write_text(f"{plan.read_text()}comms: [{{when: end, to: engineering}}]\n")
    house = tmp_path / "countersign.yml"
    house.write_text(
        """\
schema: 1
plans: [./plans]
channels: {default: C0RELEASES}
services:
  checkout:
    plan: mine
    environments: {production: {deployer: {kind: http, url: "http://127.0.0.1:1"}}}
"""
    )
    assert (
        "nobody knows how 'engineering' is reached"
        in typed("plan", "check", "mine", "--config", house).out
    )
    inside = "notices: {audiences: {engineering: {channels: [C0ENGINEERING]}}}\n"
    house.write_text(house.read_text() + inside)
    assert "engineering" not in typed("plan", "check", "mine", "--config", house).out
