"""What is in the picture of a release, and in the sentence beside it."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.charted import charted
from bot.domain.charts import Chart, Looks, chart
from bot.domain.plan import Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.release_record import Course, Moment, Record, Stretch
from bot.domain.samples import Buckets, Counts, Measurement, Sample, Track

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_plan(**metrics: Any) -> Plan:
    """A plan with a share of errors and a latency, unless told otherwise."""
    known = metrics or {
        "health": {"kind": "probe", "url": "/health"},
        "success": {"kind": "ratio", "good": "good", "total": "all"},
        "error_rate": {"kind": "ratio", "bad": "bad", "total": "all"},
        "latency_p50": {"kind": "quantile", "q": 0.5, "histogram": "h"},
        "latency_p99": {"kind": "quantile", "q": 0.99, "histogram": "h"},
    }
    first = next(name for name in known if name != "health")
    gate = "error_rate < 0.1%" if "error_rate" in known else f"{first} < 5%"
    return compile_plan(
        {
            "schema": 1,
            "plan": "drawn",
            "metrics": known,
            "approvals": {"production": {"any": 2}},
            "waves": [
                {"id": "few", "traffic": "5%", "soak": "10m", "go_if": [{"if": gate}]},
                {"id": "all", "traffic": "100%", "soak": "10m", "go_if": [{"if": gate}]},
            ],
        }
    )


def a_stretch(wave: int = 0, pace: float = 60.0, **courses: Course) -> Stretch:
    """Ten minutes from noon on, or from when the wave before ended."""
    began = NOON + wave * 10 * MINUTE
    known = courses or {
        "error_rate": Course(
            Counts(3, 1000), Counts(1, 2000), ((1, 400), (2, 600)), ((0, 900), (1, 1100))
        ),
        "latency_p99": Course(Buckets(1000, ((0.25, 900), (0.5, 999))), None, ((1000, 900, 999),)),
    }
    return Stretch(wave, "few", 5.0, began, began + 10 * MINUTE, pace, known)


def a_record(*stretches: Stretch, moments: tuple[Moment, ...] = ()) -> Record:
    return Record(
        id="r1",
        service="shop",
        environment="production",
        version="v2",
        created_at=NOON,
        stretches=stretches,
        moments=moments,
    )


def drawn(record: Record, plan: Plan, looks: Looks = (), upto: int | None = None) -> Chart:
    made = chart(record, plan, looks, upto)
    assert made is not None
    return made


def test_errors_and_the_slowest_quantile_are_drawn() -> None:
    assert charted(a_plan()) == ("error_rate", "latency_p99")


def test_gauges_are_drawn_where_nothing_better_is_measured() -> None:
    gauges = {"cpu": {"kind": "gauge", "query": "c"}, "api_5xx": {"kind": "gauge", "query": "e"}}
    assert charted(a_plan(**gauges)) == ("api_5xx",)


def test_the_sentence_has_the_numbers_of_both_sides_and_the_limit() -> None:
    made = drawn(a_record(a_stretch()), a_plan())
    assert made.alt == (
        "shop v2 in production, wave 1 of 2, 5 %, 12:00 to 12:10 UTC (10m). "
        "Error rate 0.3% of 1,000 requests on the new version, 0.05% of 2,000 requests on the "
        "old one (limit < 0.1%). Latency p99 at most 500 ms on the new version."
    )


def test_what_happened_is_said_and_marked_in_order() -> None:
    said = Moment(NOON + 4 * MINUTE, "paused: somebody wants to look.")
    later = Moment(NOON + 40 * MINUTE, "not in this picture")
    made = drawn(a_record(a_stretch(), moments=(said, later)), a_plan())
    assert made.moments == (said,)
    assert made.alt.endswith("12:04 paused: somebody wants to look.")


def test_the_curves_of_short_waves_are_all_that_was_counted() -> None:
    panel = drawn(a_record(a_stretch()), a_plan()).panels[0]
    assert [value for _, _, value in panel.canary] == [1 / 400, 2 / 600]
    assert [value for _, _, value in panel.baseline] == [0, 1 / 1100]
    assert panel.canary[1][0] == NOON + MINUTE


def test_the_last_part_of_a_curve_ends_with_its_wave() -> None:
    trail = ((0, 100), *[()] * 9, (5, 10))
    panel = drawn(a_record(a_stretch(error_rate=Course(Counts(5, 110), None, trail))), a_plan())
    start, end, value = panel.panels[0].canary[-1]
    assert (start, end, value) == (NOON + 10 * MINUTE, NOON + 10 * MINUTE, 0.5)


def test_a_curve_is_broken_where_nothing_was_read_for_long() -> None:
    trail = ((0, 100), (), (0, 100), (), (), (), (1, 100))
    course = Course(Counts(1, 300), None, trail)
    panel = drawn(a_record(a_stretch(error_rate=course)), a_plan()).panels[0]
    assert [value for _, _, value in panel.canary] == [0, 0, None, 0.01]


def test_the_curves_of_long_waves_are_made_of_kept_looks() -> None:
    looks = [
        (NOON + n * MINUTE, [_read("error_rate", Track.CANARY, Counts(n % 2, 100))])
        for n in range(1, 10)
    ]
    panel = drawn(a_record(a_stretch(pace=64.0)), a_plan(), looks).panels[0]
    known = [value for _, _, value in panel.canary if value is not None]
    assert known == [0.01, 0, 0.01, 0, 0.01, 0, 0.01, 0, 0.01]
    assert panel.baseline == ()


def _read(name: str, track: Track, value: Counts) -> Measurement:
    return Measurement(name, track, Sample(value, NOON))


def test_a_picture_shows_the_waves_up_to_the_one_it_is_about() -> None:
    record = a_record(a_stretch(0), a_stretch(1))
    assert len(drawn(record, a_plan(), upto=0).bands) == 1
    assert len(drawn(record, a_plan()).bands) == 2


def test_nothing_measured_is_no_picture() -> None:
    assert chart(a_record(), a_plan(), ()) is None
    empty = Stretch(0, "few", 5.0, NOON, NOON + MINUTE, 1.0, {})
    assert chart(a_record(empty), a_plan(), ()) is None


def test_a_description_is_never_longer_than_slack_takes() -> None:
    said = tuple(Moment(NOON + n * MINUTE, "x" * 400) for n in range(1, 6))
    assert len(drawn(a_record(a_stretch(), moments=said), a_plan()).alt) == 1000


@pytest.mark.thorough
@pytest.mark.parametrize("moments", [0, 6])
@pytest.mark.parametrize("waves", [1, 2])
def test_a_picture_is_a_png_with_a_light_ground(waves: int, moments: int) -> None:
    from PIL import Image

    from bot.pictures import png

    said = tuple(Moment(NOON + (n + 1) * MINUTE, f"moment {n}") for n in range(moments))
    record = a_record(*(a_stretch(n) for n in range(waves)), moments=said)
    image = Image.open(io.BytesIO(png(drawn(record, a_plan()))))
    assert image.format == "PNG"
    assert image.width == 1120
    assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
