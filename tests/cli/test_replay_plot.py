"""The picture of a replay: what is in it, what it says in words, and that it is sound SVG."""

from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.recordings import errors, failing, keep, series
from tests.cli.test_replay import UNGATED, calm, replayed, written

SVG = "{http://www.w3.org/2000/svg}"


def drawn(folder: Path, *found: object, plan: Path | None = None) -> ElementTree.Element:
    data = keep(folder, *found)  # type: ignore[arg-type]
    done = replayed(plan or written(folder), data, "--plot", folder / "a.svg")
    assert done.code == 0, done.err
    return ElementTree.fromstring((folder / "a.svg").read_text())


def words(picture: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def paths(picture: ElementTree.Element, look: str) -> list[str]:
    return [
        path.get("d", "")
        for path in picture.iter(f"{SVG}path")
        if path.get("class") == f"curve {look}" and not path.get("d", "").endswith("h22")
    ]  # without those of the legend


def test_it_shows_each_judged_metric_its_limits_the_waves_and_the_end(tmp_path: Path) -> None:
    plan = written(tmp_path, UNGATED)
    sides = (errors(failing(0.2, after=14)), errors(track="baseline"))
    picture = drawn(tmp_path, *sides, calm(), plan=plan)
    told = words(picture)
    assert {"error_rate", "p5 5 %", "< 1%", "> 5%"} <= {text.split("off")[0] for text in told}
    assert any(text.startswith("09:16:00  spike, rollback: error_rate > 5%") for text in told)
    assert any(text.startswith("09:16:00  rolled back") for text in told)
    for look in ("canary", "sofar", "baseline", "gate", "trigger"):
        assert len(paths(picture, look)) == 1, look


def test_it_says_in_words_what_it_shows(tmp_path: Path) -> None:
    plan = written(tmp_path, UNGATED)
    picture = drawn(tmp_path, errors(failing(0.2, after=14)), calm(), plan=plan)
    title, desc = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
    assert title is not None
    assert desc is not None
    assert title.text == "short, replayed from 2026-03-01 09:00 UTC"
    said = desc.text or ""
    assert "wave p5 at 5 % from 09:00:00 for 10m, gates: pass" in said
    assert "09:16:00 spike (error_rate > 5%" in said
    assert "End: rolled back" in said
    assert picture.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"


@pytest.mark.thorough
def test_what_is_unknown_is_a_gap_and_not_a_line_at_zero(tmp_path: Path) -> None:
    def gap(since: timedelta) -> tuple[int, int] | None:
        return None if timedelta(minutes=3) < since < timedelta(minutes=4) else (0, 50)

    whole = paths(drawn(tmp_path, errors(), calm()), "canary")[0]
    holed = paths(drawn(tmp_path, errors(gap), calm()), "canary")[0]
    assert (whole.count("M"), holed.count("M")) == (1, 2)


def test_a_peak_does_not_flatten_the_limit(tmp_path: Path) -> None:
    def peak(since: timedelta) -> tuple[int, int]:
        return (25 if since == timedelta(minutes=5) else 0, 50)

    told = words(drawn(tmp_path, errors(peak), calm()))
    assert any("off the scale: > 5%, peak of 50%" in text for text in told)
    assert "1%" in told


def test_levels_are_drawn_in_the_unit_of_their_limit(tmp_path: Path) -> None:
    rule = "  - {id: full, if: memory > 90%, do: pause}\nalerts:"
    plan = written(tmp_path, ("alerts:", rule))
    picture = drawn(tmp_path, errors(), calm(), plan=plan)
    assert {"memory", "50%", "> 90%"} <= set(words(picture))
    assert len(paths(picture, "level")) == 1
    flat = drawn(tmp_path, errors(), series("memory", "gauge", lambda _: (0.0,), 60), plan=plan)
    assert "memory" in words(flat)


@pytest.mark.thorough
@pytest.mark.parametrize("minutes", [0.5, 3, 600])
def test_short_and_long_stretches_can_be_drawn(tmp_path: Path, minutes: float) -> None:
    soak = ("soak: 10m", "soak: 8h")
    picture = drawn(tmp_path, errors(minutes=minutes), calm(minutes), plan=written(tmp_path, soak))
    assert len(paths(picture, "canary")) == 1


def test_text_from_a_plan_can_not_become_markup(tmp_path: Path) -> None:
    odd = ("id: spike", "id: spike, say: '<script>'")
    text = written(tmp_path, UNGATED, odd, ("- {id: p5, ", "- {id: p5, title: '<b>', "))
    picture = drawn(tmp_path, errors(failing(0.2, after=14)), calm(), plan=text)
    assert not list(picture.iter("script"))
    assert any("error_rate > 5%" in word for word in words(picture))
