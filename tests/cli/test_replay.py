"""`plan replay`: what a plan decides over recorded traffic, and what it says about bad data."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.plans import library
from bot.replay.files import parse
from tests.cli.recordings import clock, errors, failing, instant, keep, series
from tests.cli.typed import Typed, typed

PLAN = """\
schema: 1
plan: short
metrics:
  error_rate: {kind: ratio, bad: 'errors{$track}', total: 'requests{$track}'}
  memory:     {kind: gauge, query: 'memory{$track}'}
  health:     {kind: probe, url: /health}
approvals: {production: {all_of: [security], any: 1}}
waves:
  - {id: p5,   traffic: 5%,   soak: 10m, go_if: [{if: error_rate < 1%}]}
  - {id: p100, traffic: 100%, soak: 10m, go_if: [{if: error_rate < 1%}]}
triggers:
  - {id: spike, if: error_rate > 5%, window: 1m, consecutive: 2, do: rollback}
alerts:
  warning: [{id: memory, if: memory > 90%, say: Memory is tight}]
watch: {keep_previous: 5m}
"""


UNGATED = (
    "soak: 10m, go_if: [{if: error_rate < 1%}]}\ntriggers",
    "soak: 10m}\ntriggers",
)
"""The last wave without its gate, which evidence would fail before the trigger fires."""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = PLAN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "short.yaml"
    path.write_text(text)
    return path


def calm(minutes: float = 60) -> dict[str, Any]:
    return series("memory", "gauge", lambda _: (0.5,), minutes)


def replayed(plan: Path, data: Path, *words: object) -> Typed:
    return typed("plan", "replay", plan, "--data", data, *words)


def found(plan: Path, data: Path, *words: object) -> Any:
    done = replayed(plan, data, "--json", *words)
    assert done.code == 0, done.err
    return done.json


# --- what is decided ------------------------------------------------------------------------


def test_a_good_release_goes_through_all_waves_at_the_plans_pace(
    plan: Path, tmp_path: Path
) -> None:
    seen = found(plan, keep(tmp_path, errors(), calm()))
    assert seen["outcome"] == "completed"
    assert [(w["wave"], w["began_at"], w["ended_at"], w["verdict"]) for w in seen["waves"]] == [
        ("p5", clock("9:00:00").isoformat(), clock("9:10:00").isoformat(), "pass"),
        ("p100", clock("9:10:00").isoformat(), clock("9:20:00").isoformat(), "pass"),
        ("watch", clock("9:20:00").isoformat(), clock("9:25:00").isoformat(), "pass"),
    ]
    # 40 points of 50 requests in ten minutes: none is lost or counted twice between waves.
    assert ["2,000 requests" in w["gates"][0]["shown"] for w in seen["waves"][:2]] == [True, True]
    assert seen["fired"] == []
    assert "Left out, as no answers of a probe were recorded" not in str(seen["notes"])


def test_a_trigger_rolls_back_after_its_windows_and_says_by_which_numbers(tmp_path: Path) -> None:
    seen = found(written(tmp_path, UNGATED), keep(tmp_path, errors(failing(0.2, after=14)), calm()))
    assert seen["outcome"] == "rolled_back"
    # Bad from 09:14:00 on, two windows of a minute.
    assert seen["ended_at"] == clock("9:16:00").isoformat()
    assert [(f["id"], f["do"], f["wave"]) for f in seen["fired"]] == [("spike", "rollback", "p100")]
    assert "20% of 200 requests" in seen["fired"][0]["shown"]
    assert "error_rate > 5%" in seen["reason"]
    assert [w["led_to"] for w in seen["waves"]] == ["shifting", "rolling_back"]


def test_a_gate_that_fails_takes_the_release_back(plan: Path, tmp_path: Path) -> None:
    seen = found(plan, keep(tmp_path, errors(failing(0.04, after=0)), calm()))
    assert seen["outcome"] == "rolled_back"
    assert seen["waves"][-1]["gates"][0]["verdict"] == "fail"
    assert "the gate error_rate < 1% failed" in seen["reason"]


@pytest.mark.thorough
def test_a_gate_that_steps_back_says_what_it_saw(tmp_path: Path) -> None:
    back = (
        "error_rate < 1%}]}\ntriggers",
        "error_rate < 1%}], on_breach: step_back, step_back_to: 5%}\ntriggers",
    )
    plan = written(tmp_path, back)
    seen = found(plan, keep(tmp_path, errors(failing(0.04, after=10)), calm()))
    left = seen["waves"][1]
    assert (left["led_to"], left["gates"][0]["verdict"]) == ("stepping_back", "fail")
    assert (seen["outcome"], seen["waves"][2]["traffic"]) == ("paused", 5)


@pytest.mark.thorough
def test_too_little_traffic_is_extended_and_then_left_to_a_person(
    plan: Path, tmp_path: Path
) -> None:
    few = ("watch:", "evidence: {min_requests: 1000}\nwatch:")
    plan = written(plan.parent, few)
    data = keep(tmp_path, errors(lambda _: (0, 1)), calm())
    seen = found(plan, data)
    assert seen["outcome"] == "judging"
    assert seen["waves"][-1]["extended"] == 600
    assert seen["waves"][-1]["verdict"] == "inconclusive"
    assert "A person has to decide" in seen["reason"]
    assert "the data end first; it is judging at 5 %" in replayed(plan, data).out


@pytest.mark.thorough
def test_a_gap_in_the_data_stops_the_release_like_a_blind_source(
    plan: Path, tmp_path: Path
) -> None:
    def gap(since: timedelta) -> tuple[int, int] | None:
        return None if timedelta(minutes=3) < since < timedelta(minutes=9) else (0, 50)

    seen = found(plan, keep(tmp_path, errors(gap), calm()))
    assert seen["outcome"] == "paused"
    assert "Nothing has been known for 2 minutes" in seen["reason"]


@pytest.mark.thorough
def test_data_that_end_too_early_leave_it_open(plan: Path, tmp_path: Path) -> None:
    data = keep(tmp_path, errors(minutes=14), calm(14))
    assert "it is soaking at 100 %, 6m of the soak to go" in replayed(plan, data).out
    assert found(plan, data)["ended_at"] is None


def test_people_who_are_asked_say_yes_at_once(tmp_path: Path) -> None:
    asks = (
        "error_rate < 1%}]}\ntriggers",
        "error_rate < 1%}, {attest: Fine, by: [security]}, {check: smoke}], advance: approve}\n"
        "triggers",
    )
    seen = found(written(tmp_path, asks), keep(tmp_path, errors(), calm()))
    assert seen["outcome"] == "completed"
    assert seen["waves"][1]["ended_at"] == clock("9:20:00").isoformat()
    assert any("taken as yes" in said["text"] for said in seen["said"])


def test_alerts_are_told_each_time_they_begin(plan: Path, tmp_path: Path) -> None:
    def tight(since: timedelta) -> tuple[float]:
        return (0.95,) if since.seconds // 60 in {2, 5} else (0.5,)

    seen = found(plan, keep(tmp_path, errors(), series("memory", "gauge", tight, 60)))
    assert [(f["id"], f["do"], f["at"]) for f in seen["fired"]] == [
        ("memory", "notify", clock("9:02:00").isoformat()),
        ("memory", "notify", clock("9:05:00").isoformat()),
    ]


@pytest.mark.thorough
def test_a_limit_that_follows_the_baseline_follows_the_recorded_one(tmp_path: Path) -> None:
    follows = ("error_rate > 5%", "error_rate > baseline + 5pp")
    plan = written(tmp_path, ("error_rate < 1%", "error_rate < 30%"), follows)
    both = errors(failing(0.2, after=2), track="baseline")
    calm_side = found(plan, keep(tmp_path, errors(failing(0.2, after=2)), both, calm()))
    assert "spike" not in [f["id"] for f in calm_side["fired"]]
    alone = found(
        plan, keep(tmp_path, errors(failing(0.2, after=2)), errors(track="baseline"), calm())
    )
    assert [f["id"] for f in alone["fired"]] == ["spike"]


@pytest.mark.thorough
def test_a_probe_that_was_recorded_is_judged(tmp_path: Path) -> None:
    plan = written(
        tmp_path, ("alerts:", "  - {id: ill, if: health != ok, consecutive: 3}\nalerts:")
    )
    ill = series("health", "probe", lambda since: (0 if since.seconds >= 300 else 1,), 60)
    seen = found(plan, keep(tmp_path, errors(), calm(), ill))
    assert (seen["outcome"], seen["ended_at"]) == ("rolled_back", clock("9:05:30").isoformat())
    without = found(plan, keep(tmp_path, errors(), calm()))
    assert without["outcome"] == "completed"
    assert "no answers of a probe were recorded: health" in str(without["notes"])


@pytest.mark.thorough
def test_it_can_begin_in_the_middle_and_what_was_before_is_not_counted(
    plan: Path, tmp_path: Path
) -> None:
    data = keep(tmp_path, errors(lambda s: (50 if s < timedelta(minutes=20) else 0, 50)), calm())
    seen = found(plan, data, "--from", "2026-03-01T10:20+01:00", "--to", "2026-03-01T09:55")
    assert (seen["outcome"], seen["from"]) == ("completed", clock("9:20:00").isoformat())
    assert seen["waves"][0]["gates"][0]["value"] == 0


def test_a_plan_that_looks_seldom_counts_everything_between_two_looks(tmp_path: Path) -> None:
    plan = written(tmp_path, ("watch:", "poll: 1m\nwatch:"))
    seen = found(plan, keep(tmp_path, errors(), calm()))
    assert seen["outcome"] == "completed"
    assert "2,000 requests" in seen["waves"][0]["gates"][0]["shown"]


def test_points_that_lie_far_apart_are_noted(plan: Path, tmp_path: Path) -> None:
    def seldom(since: timedelta) -> tuple[int, int] | None:
        return (0, 400) if since.seconds % 120 == 0 else None

    def level(since: timedelta) -> tuple[float] | None:
        return (0.5,) if since.seconds % 120 == 0 else None

    data = keep(tmp_path, errors(seldom), series("memory", "gauge", level, 60))
    seen = found(plan, data)
    assert seen["outcome"] == "completed"
    assert any("Points 2m apart are coarse" in note for note in seen["notes"])


@pytest.mark.thorough
def test_times_of_a_recording_may_be_in_any_zone(plan: Path, tmp_path: Path) -> None:
    utc = found(plan, keep(tmp_path, errors(minutes=30), calm(30)))
    text = (tmp_path / "kept.json").read_text().replace("T09:", "T10:").replace("Z", "+01:00")
    (tmp_path / "there.json").write_text(text)
    assert found(plan, tmp_path / "there.json") == utc


@pytest.mark.thorough
def test_a_plan_of_hours_is_looked_at_when_there_is_something_new(tmp_path: Path) -> None:
    long = [("soak: 10m", "soak: 4h"), ("keep_previous: 5m", "keep_previous: 1h")]
    plan = written(tmp_path, *long)
    data = keep(tmp_path, errors(minutes=600), calm(600))
    done = replayed(plan, data)
    assert "completed at 2026-03-01 18:00:00 UTC, after 9h" in done.out


def steady(metric: str, kind: str, track: str) -> dict[str, Any]:
    """Nothing out of the ordinary for twenty minutes."""
    numbers = {"ratio": (0, 900), "quantile": (900, 900, 900), "probe": (1,)}.get(kind, (0,))
    edges = {"edges": [0.1, 10]} if kind == "quantile" else {}
    return series(metric, kind, lambda _: numbers, 20, track=track, **edges)


@pytest.mark.thorough
@pytest.mark.parametrize("name", library().names())
def test_every_plan_that_comes_with_the_program_can_be_replayed(name: str, tmp_path: Path) -> None:
    plan = library().get(name)
    kept = [steady(n, m.kind, t) for n, m in plan.metrics.items() for t in ("canary", "baseline")]
    done = typed("plan", "replay", name, "--data", keep(tmp_path, *kept), "--json")
    assert done.code == 0, done.err
    assert done.json["waves"][0]["wave"] == plan.waves[0].id
    assert done.json["waves"][0]["verdict"] != "unknown"


# --- what is written ------------------------------------------------------------------------


def test_the_lines_say_when_what_and_by_which_numbers(tmp_path: Path) -> None:
    data = keep(tmp_path, errors(failing(0.2, after=14)), calm())
    out = replayed(written(tmp_path, UNGATED), data, "--log").out
    assert "09:00:00  p5    5 %    10m  passed" in out
    assert "09:16:00  spike  rollback  error_rate > 5% (20% of 200 requests" in out
    assert "Moving 5 % to canary (wave 1 of 2)." in out
    assert "t[" not in out
    assert "End: rolled back at 2026-03-01 09:16:00 UTC, after 16m" in out


def test_what_fires_again_and_again_takes_one_line(plan: Path, tmp_path: Path) -> None:
    def tight(since: timedelta) -> tuple[float]:
        return (0.95,) if since.seconds // 60 in {2, 5, 8} else (0.5,)

    data = keep(tmp_path, errors(), series("memory", "gauge", tight, 60))
    out = replayed(plan, data).out
    assert out.count("memory > 90%") == 1
    assert "09:02:00  memory  notify  memory > 90% (95%, limit 90%), 3 times until 09:08:00" in out


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["kept.csv", "kept.json"])
def test_what_is_exported_is_replayed_alike(plan: Path, tmp_path: Path, name: str) -> None:
    quick = series("latency", "quantile", lambda _: (50, 30, 49), 60, edges=[0.1, 0.25])
    many = series("throttles", "count", lambda _: (2,), 60)
    ill = series("health", "probe", lambda _: (1,), 60, track="canary")
    data = keep(tmp_path, errors(failing(0.2, after=14)), calm(), quick, many, ill, name="a.json")
    first = found(plan, data, "--export", tmp_path / name)
    again = found(plan, tmp_path / name, "--export", tmp_path / "again.json")
    assert first == again
    assert found(plan, tmp_path / "again.json") == first
    kept = json.loads((tmp_path / "again.json").read_text())["series"]
    assert {s["metric"]: s["kind"] for s in kept}["throttles"] == "count"
    assert next(s for s in kept if s["metric"] == "latency")["edges"] == [0.1, 0.25]


@pytest.mark.thorough
def test_conditions_can_be_left_out(plan: Path, tmp_path: Path) -> None:
    seen = found(plan, keep(tmp_path, errors()), "--without", "memory")
    assert seen["outcome"] == "completed"
    assert "Left out, as asked for: memory." in seen["notes"]
    neither = found(plan, keep(tmp_path, errors()), "--without", "memory,error_rate")
    assert [wave["gates"] for wave in neither["waves"]] == [[], [], []]
    wrong = replayed(plan, keep(tmp_path, errors()), "--without", "memori")
    assert (wrong.code, "did you mean 'memory'" in wrong.err) == (2, True)


def test_the_files_that_the_documentation_shows_can_be_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "replay.md").read_text()
    for name, begins in (("a.json", '{"schema"'), ("a.csv", "time,metric")):
        block = next(b for b in text.split("```") if begins in b[:20])
        shown = block[block.index(begins) :]
        kept = parse(shown, name)
        assert kept.metrics() == {"error_rate", "latency_p99", "memory"}


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--from", "2026-03-01T10:00", "--to", "2026-03-01T09:00"), 2, "later than --from"),
        (("--from", "yesterday"), 2, "--from takes an instant like 2026-03-01T09:00Z"),
        (("--from", "2026-03-02T09:00"), 1, "the data go from 2026-03-01 09:00:00 UTC to"),
        (("--from", "2026-02-27"), 1, "nothing was recorded at 2026-02-27"),
        (("--to", "2026-02-27"), 2, "--to lies before the data begin"),
    ],
)
def test_times_that_make_no_sense_are_refused(
    plan: Path, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    done = replayed(plan, keep(tmp_path, errors(), calm()), *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.err


def test_a_series_that_is_missing_is_named_with_what_there_is(plan: Path, tmp_path: Path) -> None:
    done = replayed(plan, keep(tmp_path, errors(track="baseline")))
    assert done.code == 1
    assert "error_rate of the canary: it is not in the data" in done.err
    assert "memory of the canary: it is not in the data" in done.err
    assert "Recorded is: error_rate." in done.err


def test_a_metric_of_another_kind_is_refused(plan: Path, tmp_path: Path) -> None:
    rate = series("error_rate", "gauge", lambda _: (0.001,), 60)
    done = replayed(plan, keep(tmp_path, rate, calm()))
    assert (done.code, "recorded as gauge, the plan's ratio" in done.err) == (1, True)


T0, T1 = instant(timedelta()), instant(timedelta(minutes=1))


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([[T1, 0, 5], [T0, 0, 5]], "points[1]: 2026-03-01 09:00:00 is not after"),
        ([[T0, 0, 5], [T0, 0, 5]], "points[1]: 2026-03-01 09:00:00 is not after"),
        ([[T0, 6, 5]], "points[0]: more events of a kind than events"),
        ([[T0, 0]], "a ratio has 2 numbers after the time, not 1"),
        ([["9 o'clock", 0, 5]], "write it like 2026-03-01T09:00:00Z"),
        ([[T0, "many", 5]], "'many' is not a number"),
        ([[T0, "nan", 5]], "nan can't be used"),
        ([[]], "points[0]: is empty"),
        ([], "not a single point"),
    ],
)
def test_a_mistake_in_a_recording_is_told_with_its_place(
    plan: Path, tmp_path: Path, points: list[Any], told: str
) -> None:
    data = keep(tmp_path, {"metric": "error_rate", "kind": "ratio", "points": points})
    done = replayed(plan, data)
    assert (done.code, done.out) == (1, "")
    assert told in done.err
    assert "kept.json: " in done.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,metric,bad\n", "the column kind is missing"),
        ("time,metric,kind,colour\n", "the column 'colour' is unknown"),
        (f"time,metric,kind,total\n{T0},error_rate,ratio,5\n", "line 2: a ratio needs the column"),
        (f"time,metric,kind,value\n{T0},x,guage,5\n", "line 2: the kind 'guage' is none of"),
        (f"time,metric,kind,track,value\n{T0},x,gauge,left,5\n", "neither canary nor baseline"),
        (f"time,metric,kind,total,le:x\n{T0},x,quantile,5,5\n", "line 1: 'x' is not a number"),
    ],
)
def test_a_mistake_in_a_table_is_told_with_its_line(
    plan: Path, tmp_path: Path, text: str, told: str
) -> None:
    data = tmp_path / "kept.csv"
    data.write_text(text)
    done = replayed(plan, data)
    assert (done.code, told in done.err) == (1, True), done.err


def test_a_recording_that_is_not_there_or_is_something_else_is_told(
    plan: Path, tmp_path: Path
) -> None:
    assert "can't be read" in replayed(plan, tmp_path / "no.json").err
    other = tmp_path / "other.json"
    other.write_text("[1, 2]")
    assert "docs/replay.md" in replayed(plan, other).err


def test_without_recorded_data_a_configuration_is_needed(plan: Path, tmp_path: Path) -> None:
    env = {"COUNTERSIGN_CONFIG": str(tmp_path / "countersign.yml")}
    done = typed("plan", "replay", plan, "--from", "2026-02-01", env=env)
    assert (done.code, "countersign init" in done.err) == (1, True)
