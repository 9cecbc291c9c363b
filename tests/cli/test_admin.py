"""`release` and `rollback` at the real door of a bot, behind which a script answers."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from bot import web
from bot.cli.admin import address
from bot.cli.shell import Shell
from bot.engine.intents import Intent
from bot.serving import listening, served
from bot.telemetry import Telemetry
from commands.context import Names
from commands.parser import parse, verb_and_rest
from commands.registry import release_verb
from tests.cli.typed import NOW, Typed, typed, typed_aside

TOKEN = "a-long-random-text"
CHECKOUT = {"service": "checkout"}


@dataclass
class Behind:
    """What stands behind the door: it keeps what came in, and answers as it is told."""

    answer: web.Answer = field(
        default_factory=lambda: web.Answer(200, {"ok": True, "message": "Done."})
    )
    came: list[Intent] = field(default_factory=list)

    async def admin(self, intent: Intent) -> web.Answer:
        self.came.append(intent)
        return self.answer


async def nothing() -> None:
    return None


def door(behind: Behind, token: str) -> Starlette:
    """The web side of a bot, as it is in production."""

    async def checks() -> dict[str, web.Check]:
        return {}

    async def hook(_name: str, _body: object) -> web.Answer:
        return web.Answer(404, {})

    parts = web.WebParts(
        version="1",
        telemetry=Telemetry(),
        now=lambda: NOW,
        new_id=lambda: "1",
        ready=nothing,
        checks=checks,
        refresh=nothing,
        hook=hook,
        admin=behind.admin,
        hook_token=token,
        data=Path(),
    )
    return web.build(parts, None, None)


@asynccontextmanager
async def at_work(app: ASGIApp) -> AsyncIterator[dict[str, str]]:
    """Serve an app; the environment in which it is found."""
    bound = listening("127.0.0.1", 0)
    async with served(app, bound):
        port = bound.getsockname()[1]
        yield {"COUNTERSIGN_PORT": str(port), "COUNTERSIGN_HOOK_TOKEN": TOKEN, "USER": "ada"}


async def one(behind: Behind, *words: str, token: str = TOKEN) -> Typed:
    async with at_work(door(behind, token)) as env:
        return await typed_aside(*words, env=env)


@pytest.mark.thorough
async def test_a_rollback_carries_who_what_and_why() -> None:
    behind = Behind()
    done = await one(behind, "rollback", "checkout", "v1.2.0", "--reason", "payments fail")
    assert (done.code, done.out) == (0, "Done.\n")
    (intent,) = behind.came
    assert (intent.kind, intent.name, intent.user_id) == ("admin", "rollback", "ada")
    assert dict(intent.values) == {
        "service": "checkout",
        "version": "v1.2.0",
        "reason": "payments fail",
        "person": "ada",
    }


async def test_breaking_the_glass_has_to_be_said() -> None:
    behind = Behind()
    await one(behind, "rollback", "--now", "--reason", "fire", "--person", "grace")
    assert behind.came[0].values["now"] == "yes"
    assert behind.came[0].user_id == "grace"


@pytest.mark.parametrize(
    ("words", "verb", "expected"),
    [
        (["start", "v1.2.0", "checkout"], "start", {"version": "v1.2.0", "service": "checkout"}),
        (
            ["start", "v1.2.0", "--env", "staging", "--plan", "quickstart"],
            "start",
            {"version": "v1.2.0", "env": "staging", "plan": "quickstart"},
        ),
        (["preview", "v1.2.0"], "preview", {"version": "v1.2.0"}),
        (["list"], "list", {}),
        (["status", "checkout"], "status", {"target": "checkout"}),
        (["show", "abcdefg"], "show", {"target": "abcdefg"}),
        (["history", "checkout"], "history", {"target": "checkout"}),
        (
            ["pause", "checkout", "too  slow", 'says "ada"'],
            "pause",
            {"target": "checkout", "text": "too  slow says 'ada'"},
        ),
        (
            ["pause", "checkout", "--person", "grace", "too", "slow"],
            "pause",
            {"target": "checkout", "text": "too slow"},
        ),
        (["step-back", "checkout"], "step-back", {"target": "checkout"}),
        (["extend", "checkout", "10m"], "extend", {"target": "checkout", "text": "10m"}),
        (["cancel", "checkout", "why"], "cancel", {"target": "checkout", "text": "why"}),
        (["reject", "checkout", "no"], "reject", {"target": "checkout", "text": "no"}),
        (
            ["event", "data_loss", "checkout", "rows are gone", "--env", "staging"],
            "event",
            {"name": "data_loss", "service": "checkout", "detail": "rows are gone"}
            | {"env": "staging"},
        ),
        (["report", "escalation", "checkout"], "report", {"kind": "escalation"} | CHECKOUT),
        (
            ["incident", "open", "critical", "checkout", "carts"],
            "incident",
            {"what": "open", "kind": "critical", "detail": "carts"} | CHECKOUT,
        ),
    ],
)
async def test_the_bot_understands_each_verb_as_it_was_meant(
    words: list[str], verb: str, expected: dict[str, str]
) -> None:
    behind = Behind()
    done = await one(behind, "release", *words)
    assert done.code == 0, done.err
    (intent,) = behind.came
    found = release_verb(intent.values["verb"], Names())
    assert found.name == verb
    _, rest = verb_and_rest(f"{found.name} {intent.values.get('args', '')}")
    assert parse(found.grammar, rest).words == expected


async def test_a_refusal_is_told_in_the_words_of_the_bot() -> None:
    refused = web.Answer(409, {"ok": False, "message": "I know no service 'chekout'."})
    done = await one(Behind(refused), "release", "status", "chekout")
    assert (done.code, done.err) == (1, "countersign: I know no service 'chekout'.\n")
    as_json = await one(Behind(refused), "release", "status", "chekout", "--json")
    assert as_json.code == 1
    assert as_json.json == {"status": 409, "ok": False, "message": "I know no service 'chekout'."}


async def test_an_answer_can_be_had_as_json() -> None:
    done = await one(Behind(), "release", "list", "--json")
    assert done.json == {"status": 200, "ok": True, "message": "Done."}


async def test_another_token_is_told_and_nothing_is_done() -> None:
    behind = Behind()
    done = await one(behind, "release", "list", token="another")
    assert done.code == 1
    assert "another COUNTERSIGN_HOOK_TOKEN" in done.err
    assert behind.came == []


async def test_a_bot_without_a_token_is_told_apart() -> None:
    done = await one(Behind(), "release", "list", token="")
    assert done.code == 1
    assert "runs without COUNTERSIGN_HOOK_TOKEN" in done.err


async def test_what_went_wrong_inside_points_to_the_log() -> None:
    async def broken(_request: object) -> PlainTextResponse:
        return PlainTextResponse("Internal Server Error", 500)

    app = Starlette(routes=[Route("/admin/release", broken, methods=["POST"])])
    async with at_work(app) as env:
        done = await typed_aside("release", "list", env=env)
    assert done.code == 1
    assert "answered 500: Internal Server Error. Its log says more." in done.err


async def test_a_secret_may_come_from_a_file_and_the_address_from_an_option(
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    async with at_work(door(Behind(), TOKEN)) as env:
        url = f"http://127.0.0.1:{env['COUNTERSIGN_PORT']}/"
        words = ("release", "list", "--person", "ada", "--url", url)
        done = await typed_aside(*words, env={"COUNTERSIGN_HOOK_TOKEN_FILE": str(file)})
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("host", "called"),
    [
        ("", "http://127.0.0.1:3000"),
        ("0.0.0.0", "http://127.0.0.1:3000"),
        ("::", "http://[::1]:3000"),
        ("::1", "http://[::1]:3000"),
        ("bot.internal", "http://bot.internal:3000"),
    ],
)
def test_a_bot_is_called_where_it_listens(host: str, called: str) -> None:
    env = {"COUNTERSIGN_HOST": host} if host else {}
    assert address(Shell(env, sys.stdout, sys.stderr, lambda: NOW)) == called


def test_no_bot_at_all_says_how_to_start_one() -> None:
    with listening("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
    env = {"COUNTERSIGN_PORT": str(port), "COUNTERSIGN_HOOK_TOKEN": TOKEN, "USER": "ada"}
    done = typed("release", "list", env=env)
    assert done.code == 1
    assert "countersign serve" in done.err


def test_without_a_token_nothing_is_sent() -> None:
    done = typed("release", "list", env={"USER": "ada"})
    assert done.code == 1
    assert "COUNTERSIGN_HOOK_TOKEN is not set" in done.err


def test_without_a_person_nothing_is_sent() -> None:
    done = typed("release", "list", env={"COUNTERSIGN_HOOK_TOKEN": TOKEN})
    assert done.code == 2
    assert "--person" in done.err


@pytest.mark.parametrize(
    "verb", ["approve", "resume", "advance", "unquarantine", "incident close critical checkout"]
)
def test_what_lets_traffic_rise_cannot_be_typed_here(verb: str) -> None:
    assert typed("release", *verb.split(), env={"COUNTERSIGN_HOOK_TOKEN": TOKEN}).code == 2


@pytest.mark.parametrize("path", ["/hooks/events", "/hooks/alertmanager", "/admin/rollback"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"x-countersign-signature": "v1=0", "x-countersign-timestamp": "0"},
    ],
)
async def test_without_a_token_there_are_no_doors(path: str, headers: dict[str, str]) -> None:
    transport = httpx.ASGITransport(door(Behind(), ""))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        answer = await client.post(path, json={}, headers=headers)
    assert (answer.status_code, answer.text) == (404, "Not Found")
