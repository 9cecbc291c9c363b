"""A secret that was given to the bot is in no log, no database and no message."""

import io
import json
import logging
import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from bot.cli.running import _log
from bot.domain.rollout import Phase
from bot.domain.secret import Secret
from bot.environment import Secrets
from bot.practice.workspace import Message
from bot.slack.redaction import SecretFilter
from tests.scenarios.world import HOOK_TOKEN, World

PLANTED = ("xoxb-practice", "a-signing-secret", "a-deployer-secret", HOOK_TOKEN, "a-github-token")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as a bot that serves writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(SecretFilter(map(Secret, PLANTED)))
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    # A bot that served in this process before has made some of them quiet.
    loggers = [root, *map(logging.getLogger, ("httpx", "apscheduler", "alembic"))]
    levels = [each.level for each in loggers]
    root.addHandler(handler)
    for each in loggers:
        each.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


@pytest.mark.thorough
async def test_a_planted_secret_is_in_no_log_no_database_and_no_message(
    world: World, log: io.StringIO
) -> None:
    await world.start()
    world.lose_answers_to("shift")
    await world.sign()
    world.slack_fails("*", "500", times=3)
    await world.until_that(lambda r: r.weight == 25)
    world.deployer_fails(401)
    world.break_version("v1.2.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    await world.say("mary", "/release status")
    await world.bot_says("/hooks/events", "{}", {"authorization": f"Bearer {HOOK_TOKEN}x"})
    await world.bot_says("/slack/events", "payload={", {"x-slack-signature": "v0=a-signing-secret"})
    for person in ("mary", "ada", "grace"):
        world.whispers(person)
    world.pages()
    found = {
        "log": log.getvalue(),
        "database": _dumped(world),
        "messages": json.dumps([[*m.blocks, m.text] for m in _messages(world)], default=str),
        "whispers": str([(e.text, e.blocks) for e in world.space.ephemerals]),
        "metrics": world.bot.telemetry.text().decode(),
    }
    assert len(found["log"]) > 1000
    assert len(found["database"]) > 10_000
    for place, text in found.items():
        for secret in PLANTED:
            assert secret not in text, f"{secret} in the {place}"


def _messages(world: World) -> list[Message]:
    return [message for kept in world.space.messages.values() for message in kept]


def _dumped(world: World) -> str:
    file = make_url(world.url).database
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


def test_the_log_of_a_bot_that_serves_knows_its_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    secrets = Secrets(
        hook_token=Secret("open-sesame-1"),
        database_url=Secret("postgresql+asyncpg://bot:p%40ss%2Fword1@db/countersign"),
        smtp=Secret("smtp://bot:mail-pass-1@mail.example:587"),
        webhook=Secret("short"),
    )
    _log(secrets.all())
    told = logging.getLogger("tests.hostile")
    told.warning("sent %s to %s", "open-sesame-1", "https://x")
    told.warning("opened postgresql+asyncpg://bot:p%%40ss%%2Fword1@db, p@ss/word1, mail-pass-1")
    told.warning("in short: sqlite+aiosqlite:///countersign.db")
    try:
        raise RuntimeError("open-sesame-1")
    except RuntimeError:
        told.exception("failed")
    said = capsys.readouterr().err
    for secret in ("open-sesame-1", "p%40ss%2Fword1", "p@ss/word1", "mail-pass-1"):
        assert secret not in said
    assert said.count("[redacted]") >= 4
    assert "in short: sqlite+aiosqlite:///countersign.db" in said
