"""What the contract tests share because it is slow to start."""

from collections.abc import Iterator, Sequence

import pytest

from tests.contract.prometheus import Exporter, PrometheusServer


@pytest.fixture(scope="session")
def prometheus() -> Iterator[tuple[PrometheusServer, Sequence[Exporter]]]:
    """A real Prometheus that scrapes two exporters twice a second; a test sets their series."""
    server = PrometheusServer("500ms")
    with Exporter() as one, Exporter() as other:
        server.scrape("app", one.target, other.target)
        with server:
            yield server, (one, other)
