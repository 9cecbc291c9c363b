"""A plan over the past of a real Prometheus: it decides there as it would have then."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.typed import NOW, typed_aside
from tests.contract.prometheus import PrometheusServer

pytestmark = pytest.mark.real

SCRAPE = 15
HOURS = 8
BEGAN = NOW - timedelta(hours=9)
BROKEN_AFTER = timedelta(hours=2, minutes=30)
RESTART_AFTER = timedelta(hours=1)

PLAN = """\
schema: 1
plan: watched
metrics:
  error_rate:
    {kind: ratio, bad: 'requests_total{code="500",$track}', total: 'requests_total{$track}'}
  latency_p99: {kind: quantile, q: 0.99, histogram: 'seconds_bucket{$track}'}
  memory:      {kind: gauge, query: 'max(memory{$track})'}
approvals: {production: {any: 2}}
waves:
  - {id: p5,   traffic: 5%,   soak: 1h, go_if: [{if: error_rate < 1%}, {if: latency_p99 < 500ms}]}
  - {id: p50,  traffic: 50%,  soak: 2h, go_if: [{if: error_rate < 1%}]}
  - {id: p100, traffic: 100%, soak: 2h, go_if: [{if: error_rate < 1%}]}
triggers:
  - {id: spike,  if: error_rate > 5%, window: 1m, consecutive: 2, do: rollback}
  - {id: memory, if: memory > 90%, do: rollback}
"""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[PrometheusServer]:
    server = PrometheusServer()
    server.remember(past())
    with server:
        yield server


def past() -> str:
    """Two versions for some hours: the new one restarts once, and breaks later on."""
    series: dict[str, list[str]] = {"requests": [], "seconds_bucket": [], "memory": []}
    for version, per in (("v1", 150), ("v2", 30)):
        total = bad = 0
        for step in range(HOURS * 3600 // SCRAPE):
            since = timedelta(seconds=step * SCRAPE)
            if version == "v2" and since == RESTART_AFTER:
                total = bad = 0
            total += per
            if version == "v2" and since > BROKEN_AFTER:
                bad += per // 5
            at = (BEGAN + since).timestamp()
            labels = f'job="app",instance="{version}",version="{version}"'
            counts = {"200": total - bad} | ({"500": bad} if bad else {})
            for code, count in counts.items():
                series["requests"].append(f'requests_total{{{labels},code="{code}"}} {count} {at}')
            for edge, share in (("0.25", 0.999), ("0.5", 1), ("+Inf", 1)):
                line = f'seconds_bucket{{{labels},le="{edge}"}} {total * share:.0f} {at}'
                series["seconds_bucket"].append(line)
            series["memory"].append(f"memory{{{labels}}} 0.5 {at}")
    kinds = {"requests": "counter", "seconds_bucket": "unknown", "memory": "gauge"}
    lines = [
        f"# TYPE {name} {kinds[name]}\n" + "\n".join(sorted_by_series(found))
        for name, found in series.items()
    ]
    return "\n".join(lines) + "\n# EOF\n"


def sorted_by_series(lines: list[str]) -> list[str]:
    return sorted(lines, key=lambda line: line.rpartition("}")[0])


def installation(folder: Path, url: str) -> Path:
    (folder / "plans").mkdir(exist_ok=True)
    (folder / "plans" / "watched.yaml").write_text(PLAN)
    config = {
        "schema": 1,
        "plans": ["./plans"],
        "channels": {"default": "C0RELEASES"},
        "people": {"ada": {"slack": ["U0ADA"]}, "grace": {"slack": ["U0GRACE"]}},
        "roles": {"operations": {"people": ["ada", "grace"]}},
        "services": {
            "checkout": {
                "plan": "watched",
                "environments": {
                    "production": {
                        "deployer": {"kind": "http", "url": "http://127.0.0.1:1"},
                        "metrics": {
                            "kind": "prometheus",
                            "url": url,
                            "tracks": {
                                "canary": 'version="{candidate}"',
                                "baseline": 'version="{current}"',
                            },
                        },
                    }
                },
            }
        },
    }
    path = folder / "countersign.yml"
    path.write_text(json.dumps(config))
    return path


SIDES = ("--candidate", "v2", "--current", "v1")


async def test_the_past_of_a_prometheus_is_judged_as_it_would_have_been_then(
    prometheus: PrometheusServer, tmp_path: Path
) -> None:
    config = installation(tmp_path, prometheus.url)
    told = ("plan", "replay", "watched", "--json", "--config", config, *SIDES)
    export = tmp_path / "kept.json"
    start = ("--from", BEGAN.isoformat())
    live = (await typed_aside(*told, *start, "--export", export)).json
    broken = BEGAN + BROKEN_AFTER
    assert live["outcome"] == "rolled_back"
    assert live["ended_at"] == (broken + timedelta(minutes=2)).isoformat()
    assert [(f["id"], f["do"]) for f in live["fired"]] == [("spike", "rollback")]
    assert live["fired"][0]["shown"].startswith("20% of 120 requests")
    first, second = live["waves"]
    assert (first["verdict"], first["led_to"], second["led_to"]) == (
        "pass",
        "shifting",
        "rolling_back",
    )
    # Every request of the hour was counted, and none twice.
    assert "of 7,200 requests" in first["gates"][0]["shown"]
    # A restart of the counters in the second wave takes nothing away and adds nothing.
    assert "of 11,040 requests" in second["gates"][0]["shown"]
    kept = (await typed_aside(*told, "--data", export)).json
    assert kept["fired"] == live["fired"]
    assert kept["waves"] == live["waves"]


async def test_what_prometheus_does_not_have_is_told_by_name(
    prometheus: PrometheusServer, tmp_path: Path
) -> None:
    config = installation(tmp_path, prometheus.url)
    told = ("plan", "replay", "watched", "--config", config, "--current", "v1")
    nobody = await typed_aside(*told, "--from", BEGAN.isoformat(), "--candidate", "v9")
    assert nobody.code == 1
    assert "error_rate of the canary: Prometheus has no series" in nobody.err
    early = await typed_aside(*told, "--from", "2026-02-01", "--to", "2026-02-02", *SIDES)
    assert early.code == 1
    assert "no series" in early.err
    unnamed = await typed_aside(*told, "--from", BEGAN.isoformat())
    assert unnamed.code == 2
    assert "--candidate is needed" in unnamed.err


async def test_a_prometheus_that_does_not_answer_is_told(tmp_path: Path) -> None:
    config = installation(tmp_path, "http://127.0.0.1:1")
    told = ("plan", "replay", "watched", "--config", config, *SIDES)
    done = await typed_aside(*told, "--from", BEGAN.isoformat())
    assert done.code == 1
    assert "Prometheus can't be reached" in done.err


async def test_the_edges_of_its_histograms_are_held_against_the_plans_limits(
    prometheus: PrometheusServer, tmp_path: Path
) -> None:
    config = installation(tmp_path, prometheus.url)
    told = ("plan", "check", "watched", "--config", config, "--prometheus", prometheus.url)
    assert (await typed_aside(*told)).out == "1 plan is sound.\n"
    plan = tmp_path / "plans" / "watched.yaml"
    plan.write_text(plan.read_text().replace("latency_p99 < 500ms", "latency_p99 < 400ms"))
    done = await typed_aside(*told, "--strict")
    assert done.code == 1
    assert "it passes only below 250ms, fails only above 500ms" in done.out
    plan.write_text(plan.read_text().replace("seconds_bucket", "minutes_bucket"))
    assert "holds no histogram minutes_bucket" in (await typed_aside(*told)).err
