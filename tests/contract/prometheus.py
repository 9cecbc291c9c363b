"""A real Prometheus on loopback, and exporters whose series a test sets, resets and removes.

Both run beside the test's event loop (a process, and threads), so one server can serve a session.
Whatever was started is stopped by its own process object.
"""

import asyncio
import json
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from tests.parts import require

HOST = "127.0.0.1"
PATIENCE_SECONDS = 20
"""How long to wait for a program that does what it should before the test fails."""


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class PrometheusServer:
    """Use as a context manager, or call `start` and `stop`.

    scrape: interval of scrapes as Prometheus writes it. `url` is where it answers.
    """

    def __init__(self, scrape: str = "1s") -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._scrape = scrape
        self._folder = tempfile.TemporaryDirectory(prefix="prometheus-")
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}
        self._alerting: tuple[str, Sequence[Mapping[str, object]]] | None = None

    def __enter__(self) -> "PrometheusServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers. Skips the test when it is not installed."""
        program = require("prometheus")
        folder = Path(self._folder.name)
        self._write()
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder / 'prometheus.json'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={HOST}:{self.port}",
                    "--web.enable-lifecycle",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def remember(self, openmetrics: str) -> None:
        """Give it a past before it starts: samples with times, as OpenMetrics text.

        Skips the test when the tool that writes them is not installed.
        """
        folder = Path(self._folder.name)
        (folder / "past").write_text(openmetrics)
        into = [str(folder / "past"), str(folder / "data")]
        subprocess.run(
            [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", *into],
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )

    def stop(self) -> None:
        """Stop it and remove its data."""
        self.pause()
        self._folder.cleanup()

    def pause(self) -> None:
        """Stop it; `start` brings it back with what it knew."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def scrape(self, job: str, *targets: str, labels: Mapping[str, str] | None = None) -> None:
        """Scrape these targets (host:port) as a job from now on; none ends the job.

        labels: put on every series of the job. Before `start` this is at once; afterwards
        Prometheus takes up to five seconds to look at a changed list of targets, so that tests
        which share a server do better to change what their exporters show.
        """
        if targets:
            self._jobs[job] = (targets, labels or {})
        else:
            self._jobs.pop(job, None)
        self._write()
        if self._process is None:
            return
        request = urllib.request.Request(f"{self.url}/-/reload", method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
            pass

    def alert(self, alertmanager: str, *rules: Mapping[str, object]) -> None:
        """Evaluate alerting rules and tell this Alertmanager (host:port). Before `start`."""
        self._alerting = (alertmanager, rules)

    async def caught_up(self, *exporters: "Exporter") -> None:
        """Return when queries see what the exporters show now, or nothing of those that are down.

        Raises TimeoutError when that does not come about.
        """
        for exporter in exporters:
            exporter.generation += 1
        deadline = time.monotonic() + PATIENCE_SECONDS
        for exporter in exporters:
            wanted = [] if exporter.down else [str(exporter.generation)]
            while await asyncio.to_thread(self._generation, exporter.target) != wanted:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{exporter.target} is not scraped")
                await asyncio.sleep(0.02)

    def _generation(self, target: str) -> list[str]:
        query = urllib.parse.urlencode({"query": f'generation{{instance="{target}"}}'})
        url = f"{self.url}/api/v1/query?{query}"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            found = json.load(response)["data"]["result"]
        return [series["value"][1] for series in found]

    def _write(self) -> None:
        jobs = [
            {
                "job_name": job,
                "static_configs": [{"targets": list(targets), "labels": dict(labels)}],
            }
            for job, (targets, labels) in self._jobs.items()
        ]
        interval = {"scrape_interval": self._scrape, "scrape_timeout": self._scrape}
        # JSON is YAML, which spares us a writer.
        whole: dict[str, object] = {"global": interval, "scrape_configs": jobs}
        if self._alerting is not None:
            alertmanager, rules = self._alerting
            interval["evaluation_interval"] = self._scrape
            where = {"static_configs": [{"targets": [alertmanager]}]}
            whole |= {"alerting": {"alertmanagers": [where]}, "rule_files": ["rules.json"]}
            group = {"name": "tests", "rules": list(rules)}
            (Path(self._folder.name) / "rules.json").write_text(json.dumps({"groups": [group]}))
        (Path(self._folder.name) / "prometheus.json").write_text(json.dumps(whole))

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Exporter:
    """One scraped target. `series` maps a series as text to its value: `requests{code="200"}`.

    While `down` is set it answers 503. `generation` is one more series, by which
    `PrometheusServer.caught_up` knows what has been scraped. Use as a context manager.
    """

    def __init__(self, **series: float) -> None:
        self.series: dict[str, float | str] = dict(series)
        self.down = False
        self.generation = 0
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503 if exporter.down else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                series = {**exporter.series, "generation": exporter.generation}
                text = "".join(f"{name} {value}\n" for name, value in series.items())
                # A scraper that has timed out has hung up; it will be back.
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.target = f"{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> "Exporter":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
