"""What holds for every test: a missing part is a skip for people and a failure for CI."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.parts import MARKS, REQUIRE, must_run

# On CI the same examples each time: what is new there is then the change. At a desk they vary.
SAME = bool(os.environ.get("CI"))
settings.register_profile("everyday", max_examples=25, deadline=None, derandomize=SAME)
settings.register_profile("thorough", max_examples=200, deadline=None, derandomize=SAME)
settings.load_profile("everyday")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test that drives a real part into a failure where parts are required."""
    report = yield
    marked = any(item.get_closest_marker(mark) for mark in MARKS)
    if must_run() and marked and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE}=1 and yet skipped: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a whole module that skipped itself while it was read."""
    report = yield
    if must_run() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE}=1 and yet skipped: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the marker `on_postgresql` leaves to SQLite; nothing is skipped for it."""
    left_out = [item for item in items if _for_sqlite_only(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _for_sqlite_only(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("on_postgresql")
    params = item.callspec.params if isinstance(item, pytest.Function) and marker else {}
    on_postgresql = "postgresql" in map(str, params.values())
    return marker is not None and on_postgresql and params.get("at") not in marker.kwargs["at"]
