"""Tokens and bodies stay out of logs, and a secret shows itself to nobody."""

import io
import json
import logging
import pickle

import msgspec
import pytest

from bot.domain.secret import Secret
from bot.slack.redaction import MOST, SecretFilter, library_logger, redact, without_body

TOKENS = [
    "xoxb-12-34-abcDEF",
    "xapp-1-A1-2-abc",
    "Bearer abc.def-ghi",
    "https://hooks.slack.com/commands/T1/2/3",
    "postgresql+asyncpg://bot:hunter2@db/countersign",
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.requirement("X-38")
def test_what_opens_a_door_is_taken_out(token: str) -> None:
    shown = redact(f"failed with {token} here")
    for secret in ("abc", "hunter2", "commands/T1"):
        assert secret not in shown
    assert shown.startswith("failed with ")


def test_a_librarys_record_loses_the_request_it_quotes() -> None:
    bolt = "Invalid request signature detected (signature: v0=1, body: token=x&text=private)"
    assert "private" not in without_body(bolt)
    assert "private" not in without_body("Unhandled request ({'text': 'private'})")
    assert len(without_body("a" * 9999)) == MOST


def test_the_filter_reaches_arguments_and_tracebacks() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(SecretFilter())
    logger = logging.getLogger("tests.redaction")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        raise RuntimeError("xoxb-12-secret")
    except RuntimeError:
        logger.exception("call %s failed", "xoxb-34-secret")
    finally:
        logger.removeHandler(handler)
    assert "secret" not in written.getvalue()
    assert "RuntimeError: [redacted]" in written.getvalue()


def test_a_librarys_logger_is_made_once_and_is_not_taken_for_debug() -> None:
    assert library_logger() is library_logger()
    assert len(library_logger().filters) == 1
    assert library_logger().level > logging.INFO


@pytest.mark.requirement("X-38")
def test_a_secret_is_only_revealed_on_purpose() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    for shown in (str(secret), repr(secret), f"{secret}", f"{[secret]}"):
        assert "hunter2" not in shown
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)
    assert not Secret(" ")
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_no_line_of_a_log_begins_where_somebody_else_wants_one() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(SecretFilter())
    logger = logging.getLogger("tests.redaction.lines")
    logger.propagate = False
    logger.addHandler(handler)
    logger.warning("ignored: %s", "x\n2026-11-21 ERROR all is lost\x1b[2J\u202e")
    logger.removeHandler(handler)
    assert written.getvalue() == ("ignored: x\\n2026-11-21 ERROR all is lost\\x1b[2J\\u202e\n")
