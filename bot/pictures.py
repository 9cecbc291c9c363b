"""Draws the picture of a release as a PNG.

It has a light ground of its own, so that it reads the same in dark and in light surroundings. The
two sides differ in line and in marker as well as in colour, and all of it is in words beside it.
"""

import asyncio
import io
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.charts import Chart, Panel, Point, Unit, clock, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

WIDE, HEAD, TALL, LEGEND = 7.0, 0.95, 2.0, 0.2
"""Inches: of the picture, its head, a panel, and a line of the legend below."""

DPI = 160

PAPER, INK, SOFT, GRID = "#ffffff", "#1d2733", "#4d5966", "#d5dbe1"
CANARY, BASELINE, LIMIT, MARK = "#0b5cad", "#b35900", "#a3122b", "#5b2a86"
"""Each has a contrast of at least 4.5 to 1 with the paper."""

_ONE_AT_A_TIME = threading.Lock()
"""matplotlib keeps fonts and settings for the whole process."""


async def draw(chart: Chart) -> bytes:
    """The PNG of a chart, drawn beside the event loop."""
    return await asyncio.to_thread(png, chart)


def png(chart: Chart) -> bytes:
    """The PNG of a chart."""
    # Half a second and thirty megabytes that only those pay who draw.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _ONE_AT_A_TIME:
        tall = HEAD + TALL * len(chart.panels) + LEGEND * (len(chart.moments) + 1)
        figure = Figure(figsize=(WIDE, tall), dpi=DPI, facecolor=PAPER)
        canvas = FigureCanvasAgg(figure)
        _compose(figure, chart, tall)
        made = io.BytesIO()
        canvas.print_figure(made, format="png", facecolor=PAPER, metadata={"Software": None})
        return made.getvalue()


def _compose(figure: "Figure", chart: Chart, tall: float) -> None:
    below = LEGEND * (len(chart.moments) + 1) + 0.3
    grid = figure.add_gridspec(
        len(chart.panels), 1, left=0.105, right=0.97, top=1 - HEAD / tall, bottom=below / tall,
        hspace=0.34,
    )  # fmt: skip
    figure.text(0.02, 1 - 0.3 / tall, chart.title, size=14, weight="bold", color=INK)
    figure.text(0.02, 1 - 0.54 / tall, f"{chart.subtitle}; times are UTC", size=10, color=SOFT)
    for row, panel in enumerate(chart.panels):
        axes = figure.add_subplot(grid[row, 0])
        _draw(axes, panel, chart, last=row == len(chart.panels) - 1)
        _waves(axes, chart, named=row == 0)
        _moments(axes, chart, named=row == 0)
    for index, moment in enumerate(chart.moments):
        at = (below - 0.32 - LEGEND * (index + 1)) / tall
        when = clock(moment.at, chart.ended_at - chart.began_at)
        text = f"{index + 1}  {when}  {_cut(moment.text, 100)}"
        figure.text(0.02, at, text, size=8.5, color=INK)


def _draw(axes: "Axes", panel: Panel, chart: Chart, *, last: bool) -> None:
    axes.set_facecolor(PAPER)
    for points, colour, style, name in (
        (panel.baseline, BASELINE, (0, (4, 2)), "old version"),
        (panel.canary, CANARY, "solid", "new version"),
    ):
        known = [point for point in points if point[2] is not None]
        if known:
            _curve(axes, points, colour, style, name)
    if panel.limit is not None:
        axes.axhline(panel.limit, color=LIMIT, linewidth=1.1, linestyle=(0, (1, 1.5)))
    _scale(axes, panel)
    axes.set_xlim(_number(chart.began_at), _number(chart.ended_at))
    _times(axes, chart, named=last)
    axes.set_title(_title(panel), loc="left", size=10, color=INK, pad=4)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.tick_params(labelsize=9, colors=SOFT, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SOFT)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=2, fontsize=9, frameon=False,
            borderaxespad=0, labelcolor=INK, handlelength=2.6,
        )  # fmt: skip


def _curve(
    axes: "Axes",
    points: Sequence[Point],
    colour: str,
    style: "str | tuple[float, Sequence[float]]",
    name: str,
) -> None:
    """A line through the middles of the parts, broken where nothing is known."""
    xs = [(_number(start) + _number(end)) / 2 for start, end, _ in points]
    ys = [float("nan") if value is None else value for _, _, value in points]
    marker = "o" if style == "solid" else "s"
    axes.plot(
        xs, ys, color=colour, linestyle=style, linewidth=1.8, marker=marker,
        markersize=3.2 if len(points) <= 80 else 0, label=name, zorder=3,
    )  # fmt: skip


def _title(panel: Panel) -> str:
    return f"{panel.title}   (limit {panel.limit_text})" if panel.limit_text else panel.title


def _scale(axes: "Axes", panel: Panel) -> None:
    """From zero to a little above what is shown; a limit far above it is only named."""
    values = [v for side in (panel.canary, panel.baseline) for _, _, v in side if v is not None]
    most = max(values, default=0.0)
    if panel.limit is not None and (not most or panel.limit <= most * 8):
        most = max(most, panel.limit)
    axes.set_ylim(min([most * -0.02, *values]), most * 1.3 or 1.0)
    unit: Unit = panel.unit
    axes.yaxis.set_major_locator(_locator())
    axes.yaxis.set_major_formatter(lambda value, _place: shown(value, unit))


def _locator() -> "MaxNLocator":
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, min_n_ticks=3)


def _waves(axes: "Axes", chart: Chart, *, named: bool) -> None:
    """Every second wave has a tint, and each its share of the traffic at the top."""
    whole = (chart.ended_at - chart.began_at).total_seconds()
    for index, band in enumerate(chart.bands):
        start, end = _number(band.began_at), _number(band.ended_at)
        if index % 2 == 0:
            axes.axvspan(start, end, color="#eef2f6", zorder=0, linewidth=0)
        if named and end - start >= whole * 0.05:
            middle = (start + end) / 2
            axes.text(
                middle, 0.97, band.text, transform=axes.get_xaxis_transform(), size=9,
                color=SOFT, ha="center", va="top", zorder=4,
            )  # fmt: skip


def _moments(axes: "Axes", chart: Chart, *, named: bool) -> None:
    for index, moment in enumerate(chart.moments):
        at = _number(moment.at)
        axes.axvline(at, color=MARK, linewidth=1.1, linestyle="-.", zorder=2)
        if named:
            axes.text(
                at, 0.80 if index % 2 == 0 else 0.66, f" {index + 1} ",
                transform=axes.get_xaxis_transform(), size=8.5, color=PAPER, weight="bold",
                ha="center", va="center", zorder=5,
                bbox={"boxstyle": "round,pad=0.15", "facecolor": MARK, "linewidth": 0},
            )  # fmt: skip


_PACES = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200),
    *(86400, 172800, 604800),
)


def _times(axes: "Axes", chart: Chart, *, named: bool) -> None:
    """Round times of the day, at most eight."""
    start, end = _number(chart.began_at), _number(chart.ended_at)
    pace = next((p for p in _PACES if (end - start) / p <= 7), _PACES[-1])
    first = -(-int(start) // pace) * pace
    places = list(range(first, int(end) + 1, pace))
    form = "%H:%M:%S" if pace < 60 else "%H:%M" if pace < 86400 else "%d %b"
    axes.set_xticks(places)
    zone = chart.began_at.tzinfo
    shown_at = [f"{datetime.fromtimestamp(at, zone):{form}}" for at in places]
    axes.set_xticklabels(shown_at if named else [""] * len(places))


def _number(at: datetime) -> float:
    return at.timestamp()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
