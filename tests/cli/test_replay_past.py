"""`plan replay` of a plan that begins at 100 %: it is held against what was recorded before."""

from pathlib import Path
from typing import Any

from tests.cli.recordings import clock, errors, failing, keep
from tests.cli.test_replay import found

PLAN = """\
schema: 1
plan: hotfix
metrics:
  error_rate: {kind: ratio, bad: 'errors{$track}', total: 'requests{$track}'}
approvals: {production: {all_of: [security], any: 1}}
waves:
  - {id: all, traffic: 100%, soak: 10m, go_if: [{if: error_rate < 2x baseline}]}
baseline: {kind: concurrent, fallback: historical, window: 30m}
watch: {keep_previous: 5m}
"""
USUAL = 0.02
AT = ("--from", "2026-03-01T09:40Z")


def plan(folder: Path, text: str = PLAN) -> Path:
    path = folder / "hotfix.yaml"
    path.write_text(text)
    return path


def released(folder: Path, canary: float, *words: str) -> Any:
    """What a release from 40 minutes on comes to, whose canary fails at that share."""
    data = keep(
        folder,
        errors(failing(canary, 40, per=500), 60, per=500),
        errors(failing(USUAL, -1, per=500), 60, per=500, track="baseline"),
    )
    return found(plan(folder), data, *words)


def test_a_hotfix_passes_when_it_is_no_worse_than_the_time_before(tmp_path: Path) -> None:
    seen = released(tmp_path, USUAL, *AT)
    assert seen["outcome"] == "completed"
    assert "(baseline: historical)" in seen["waves"][0]["gates"][0]["why"]


def test_a_hotfix_is_taken_back_when_it_is_worse(tmp_path: Path) -> None:
    seen = released(tmp_path, 0.08, *AT)
    assert (seen["outcome"], seen["ended_at"]) == ("rolled_back", clock("9:40:15").isoformat())


def test_without_enough_from_before_the_gate_stays_open(tmp_path: Path) -> None:
    seen = released(tmp_path, USUAL, "--from", "2026-03-01T09:14Z")
    assert seen["outcome"] == "judging"
    assert "only 14m of the 30m are known" in seen["waves"][0]["gates"][0]["why"]
