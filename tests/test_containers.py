"""The image and the Compose file keep their promises, as far as that shows without an engine."""

import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import parts, schemas
from tests.checks.dockerfile import copy, ignored, read

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
IGNORE = (ROOT / ".dockerignore").read_text("utf-8")
BUILD, IMAGE = read(DOCKERFILE)
LINT = """
const { validate } = require(process.argv[1]);
const text = require('fs').readFileSync(0, 'utf8');
for (const fault of validate(text)) console.log(fault.range.start.line + 1, fault.message);
"""

Json = dict[str, Any]


REPLICAS = "docs/compose.replicas.yaml"


def compose(file: str = "compose.yaml") -> Json:
    content: Json = yaml.safe_load((ROOT / file).read_text("utf-8"))
    return content


def lint(text: str) -> str:
    command = [parts.require("node"), "-e", LINT, parts.require("dockerfile-utils")]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.real
def test_a_linter_finds_nothing_in_the_dockerfile() -> None:
    assert lint(DOCKERFILE) == ""


@pytest.mark.real
def test_the_linter_finds_a_fault_that_is_there() -> None:
    assert "Unknown instruction: RUNN" in lint(DOCKERFILE.replace("RUN ", "RUNN ", 1))


def test_what_is_installed_is_locked_by_hash() -> None:
    installs = [each.rest for each in BUILD.all("RUN") if "pip install" in each.rest]
    assert ["--require-hashes" in each or "--no-deps" in each for each in installs] == [True, True]


def test_the_image_takes_only_the_result_of_the_build() -> None:
    assert [each.rest.split()[0] for each in IMAGE.all("COPY")] == ["--from=build"]
    assert not any(stage.all("ADD") for stage in (BUILD, IMAGE))


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    (user,) = IMAGE.all("USER")
    assert all(part.isdigit() and int(part) >= 10_000 for part in user.rest.split(":"))


def test_both_stages_stand_on_the_same_base_with_a_fixed_version() -> None:
    assert BUILD.base.removesuffix(" AS build") == IMAGE.base == "python:${PYTHON}"
    assert "ARG PYTHON=3.11-slim" in DOCKERFILE


def test_the_image_serves_outside_its_loopback_and_keeps_its_data() -> None:
    environment = IMAGE.environment
    (volume,) = IMAGE.all("VOLUME")
    assert environment["COUNTERSIGN_HOST"] == "0.0.0.0"
    assert environment["COUNTERSIGN_DATABASE_URL"].startswith("sqlite+aiosqlite:////data/")
    assert volume.json == ["/data"]
    assert IMAGE.all("ENTRYPOINT")[0].json + IMAGE.all("CMD")[0].json == ["countersign", "serve"]


def test_the_image_carries_no_secret() -> None:
    assert not any("TOKEN" in name or "SECRET" in name for name in IMAGE.environment)


@contextmanager
def serving(status: int) -> Iterator[int]:
    """Answer GET /ready with a status and all else with 404, on a port of the loopback."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def is_healthy(port: int) -> bool:
    (check,) = IMAGE.all("HEALTHCHECK")
    program, *arguments = check.json
    assert program == "python"
    environment = os.environ | {"COUNTERSIGN_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, *arguments], env=environment, stderr=subprocess.DEVNULL)
    return done.returncode == 0


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_believes_what_ready_says(status: int, healthy: bool) -> None:
    with serving(status) as port:
        assert is_healthy(port) == healthy


def test_the_health_check_fails_when_nothing_answers() -> None:
    with serving(200) as port:
        pass
    assert not is_healthy(port)


@pytest.mark.parametrize(
    "path",
    [
        "secrets/slack_bot_token",
        ".git/config",
        ".venv/bin/python",
        "countersign.db",
        "countersign.yml",
        "tests/conftest.py",
        "bot/__pycache__/app.cpython-311.pyc",
        "bot/practice/practice.db",
    ],
)
def test_nothing_private_reaches_the_builder(path: str) -> None:
    assert ignored(path, IGNORE)


@pytest.mark.parametrize(
    "path",
    ["requirements.txt", "bot/store/migrations/env.py", "templates/plans/quickstart.yaml"],
)
def test_what_the_program_needs_reaches_the_builder(path: str) -> None:
    assert not ignored(path, IGNORE)


def test_copying_what_the_ignore_file_keeps_out_is_an_error(tmp_path: Path) -> None:
    (stage,) = read("FROM x\nCOPY secrets ./secrets")
    with pytest.raises(FileNotFoundError, match=r"secrets is kept out"):
        copy(stage, ROOT, tmp_path)


def test_a_dockerfile_is_read_with_its_comments_and_joined_lines() -> None:
    stages = read("ARG A=1\nFROM a AS b\n# RUN x\nRUN one \\\n  # inside\n  two\nfrom c\n")
    assert [stage.base for stage in stages] == ["a AS b", "c"]
    assert [(each.word, each.rest) for each in stages[0].instructions] == [("RUN", "one two")]


@pytest.mark.parametrize("file", ["compose.yaml", REPLICAS])
def test_the_compose_file_follows_the_specification(file: str) -> None:
    schemas.conform(compose(file), "compose")


def test_a_wrong_compose_file_is_refused() -> None:
    wrong = compose()
    wrong["services"]["bot"]["port"] = wrong["services"]["bot"].pop("ports")
    with pytest.raises(AssertionError, match=r"\.services\.bot: 'port' does not match"):
        schemas.conform(wrong, "compose")


def test_the_bot_waits_for_a_database_that_says_it_is_well() -> None:
    services = compose()["services"]
    assert services["bot"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["postgres"]["healthcheck"]["test"][1] == "pg_isready"
    assert IMAGE.all("HEALTHCHECK")


@pytest.mark.parametrize("name", ["bot", "postgres"])
def test_secrets_come_from_files_and_every_one_is_declared(name: str) -> None:
    content = compose()
    service = content["services"][name]
    told = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
    assert told == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    assert set(service["secrets"]) <= set(content["secrets"])
    assert not [key for key in service["environment"] if key.endswith(("TOKEN", "PASSWORD"))]


def test_the_bot_has_no_more_power_than_it_needs() -> None:
    bot = compose()["services"]["bot"]
    assert bot["read_only"]
    assert bot["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in bot["ports"])


def test_the_image_is_named_after_the_version_it_holds() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert compose()["services"]["bot"]["image"] == f"countersign:{version}"
    assert compose(REPLICAS)["services"]["bot1"]["image"] == f"countersign:{version}"
    assert not any(
        service.get("image", "").endswith("latest") for service in compose()["services"].values()
    )


def test_the_program_listens_where_the_ports_lead() -> None:
    port = IMAGE.environment["COUNTERSIGN_PORT"]
    assert [each.rest for each in IMAGE.all("EXPOSE")] == [port]
    assert compose()["services"]["bot"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_three_replicas_share_a_database_and_are_otherwise_the_bot_of_the_other_file() -> None:
    one, three = compose()["services"], compose(REPLICAS)["services"]
    own = {"build", "ports", "volumes", "tmpfs"}
    shared = {key: value for key, value in one["bot"].items() if key not in own}
    for name in ("bot1", "bot2", "bot3"):
        assert {key: value for key, value in three[name].items() if key not in own} == shared
    assert three["postgres"] == one["postgres"]


def test_the_balancer_knows_every_replica_and_is_reached_from_this_machine_alone() -> None:
    services = compose(REPLICAS)["services"]
    names = {name for name in services if name.startswith("bot")}
    text = (ROOT / "docs" / "haproxy.replicas.cfg").read_text("utf-8")
    for backend in text.split("\nbackend ")[1:]:
        assert {f"server {name} {name}:3000" for name in names} <= {
            *map(str.strip, backend.split("\n"))
        }
    assert services["balancer"]["volumes"][0].startswith("./docs/haproxy.replicas.cfg:")
    ports = [each.rpartition(":")[2] for each in services["balancer"]["ports"]]
    assert ports == [line.split(":")[1] for line in text.split("\n") if "bind :" in line]
    assert all(each.startswith("127.0.0.1:") for each in services["balancer"]["ports"])


@pytest.mark.real
def test_haproxy_takes_the_configuration_of_the_balancer() -> None:
    command = [parts.require("haproxy"), "-c", "-f", str(ROOT / "docs" / "haproxy.replicas.cfg")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
