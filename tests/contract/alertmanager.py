"""A real Alertmanager on loopback, which tells one webhook everything."""

import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.contract.prometheus import HOST, PATIENCE_SECONDS, free_port
from tests.parts import require


class AlertmanagerServer:
    """`start` and `stop` it; `target` is where a Prometheus sends its alerts.

    webhook: the address of the receiver. token: its bearer. receiver: further keys of it.
    """

    def __init__(self, webhook: str, token: str, receiver: Mapping[str, Any] | None = None) -> None:
        self.port = free_port()
        self.target = f"{HOST}:{self.port}"
        self.url = f"http://{self.target}"
        self._webhook = {
            "url": webhook,
            "send_resolved": True,
            "http_config": {"authorization": {"type": "Bearer", "credentials": token}},
            **(receiver or {}),
        }
        self._folder = tempfile.TemporaryDirectory(prefix="alertmanager-")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers. Skips the test when it is not installed."""
        program = require("alertmanager")
        folder = Path(self._folder.name)
        (folder / "alertmanager.json").write_text(json.dumps(self._configuration()))
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder / 'alertmanager.json'}",
                    f"--storage.path={folder / 'data'}",
                    f"--web.listen-address={self.target}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it and remove its data."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None
        self._folder.cleanup()

    def _configuration(self) -> Mapping[str, Any]:
        """As the documentation of the bot shows it, with shorter times (JSON is YAML)."""
        route = {
            "receiver": "countersign",
            "group_by": ["alertname", "service"],
            "group_wait": "100ms",
            "group_interval": "500ms",
            "repeat_interval": "1h",
        }
        receiver = {"name": "countersign", "webhook_configs": [self._webhook]}
        return {"route": route, "receivers": [receiver]}

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False
