"""`demo` and `serve` as programs: they come up, and they end when they are told to."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bot.cli.starting import BEGINNING
from bot.serving import listening
from tests.cli.installation import installation
from tests.cli.typed import typed

pytestmark = pytest.mark.thorough

HOST = "127.0.0.1"


def free_port() -> int:
    with listening(HOST, 0) as bound:
        port: int = bound.getsockname()[1]
        return port


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_says_where_it_is_and_ends_quietly(number: signal.Signals) -> None:
    port = free_port()
    command = [sys.executable, "-m", "bot", "demo", "--port", str(port), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            line = demo.stdout.readline()
            assert line == f"practice workspace ready: http://{HOST}:{port}\n"
            assert httpx.get(f"http://{HOST}:{port}/").status_code == 200
            demo.send_signal(number)
            assert demo.wait(30) == 0
        finally:
            demo.kill()


def test_the_demo_runs_in_socket_mode_too() -> None:
    port = free_port()
    words = ["demo", "--socket", "--port", str(port), "--no-open"]
    with subprocess.Popen(
        [sys.executable, "-m", "bot", *words], stdout=subprocess.PIPE, text=True
    ) as demo:
        try:
            assert demo.stdout is not None
            assert demo.stdout.readline().startswith("practice workspace ready")
            said = {"person": "mary", "channel": "checkout", "text": "/release help"}
            answer = httpx.post(f"http://{HOST}:{port}/practice/say", json=said).json()
            assert answer["ok"], answer
            demo.send_signal(signal.SIGTERM)
            assert demo.wait(30) == 0
        finally:
            demo.kill()


def test_a_taken_port_is_told_with_another_one_to_try() -> None:
    with listening(HOST, 0) as bound:
        port = bound.getsockname()[1]
        done = typed("demo", "--port", port, "--no-open")
    assert done.code == 1
    assert f"countersign demo --port {port + 1}" in done.err


def test_serving_without_secrets_says_which_and_where_they_are_found(tmp_path: Path) -> None:
    file = tmp_path / "countersign.yml"
    file.write_text(BEGINNING)
    done = typed("serve", "--config", file)
    assert done.code == 1
    assert "SLACK_BOT_TOKEN" in done.err
    assert "SLACK_SIGNING_SECRET" in done.err


def test_what_an_adapter_lacks_ends_the_start_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "countersign.yml"
    file.write_text(BEGINNING)
    env = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "secret"}
    command = [sys.executable, "-m", "bot", "serve", "--config", str(file)]
    done = subprocess.run(
        command, env=os.environ | env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    line = BEGINNING.splitlines().index("        deployer:") + 1
    assert f"countersign.yml:{line}: " in done.stderr
    assert "COUNTERSIGN_DEPLOYER_SECRET" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_bot_that_serves_takes_the_verbs_of_the_command_line(tmp_path: Path) -> None:
    async with installation(tmp_path) as made:
        env = os.environ | made.env | {"COUNTERSIGN_PORT": "0"}
        words = ["-m", "bot", "serve", "--config", str(made.file)]
        bot = await asyncio.create_subprocess_exec(
            sys.executable, *words, env=env, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert bot.stdout is not None
            line = (await bot.stdout.readline()).decode()
            assert line.startswith("ready on http://127.0.0.1:")
            here = ("--person", "ada", "--url", line.removeprefix("ready on ").strip())
            listed = await made.typed("release", "list", *here)
            assert (listed.code, "Nothing is under way" in listed.out) == (0, True)
            shown = await made.typed("release", "preview", "v1.2.0", "checkout", *here)
            assert (shown.code, "by plan quickstart" in shown.out) == (0, True)
            refused = await made.typed("rollback", "checkout", "--reason", "why", *here)
            assert (refused.code, "No rollout of checkout" in refused.err) == (1, True)
            started = await made.typed("release", "start", "v1.1.0", "checkout", *here)
            assert (started.code, started.err) == (0, "")
            again = await made.typed("release", "status", "checkout", "--json", *here)
            assert "checkout v1.1.0" in again.json["message"]
            stranger = (*here[2:], "--person", "eve")
            unknown = await made.typed("release", "cancel", "checkout", *stranger)
            assert (unknown.code, "'eve'" in unknown.err) == (1, True)
            assert (await made.typed("audit", "verify")).code == 0
            assert (await made.typed("doctor")).code == 0
            taken = await made.typed("db", "upgrade")
            assert (taken.code, f"pid {bot.pid}" in taken.err) == (1, True)
            bot.terminate()
            assert await asyncio.wait_for(bot.wait(), 30) == 0
        finally:
            if bot.returncode is None:
                bot.kill()
