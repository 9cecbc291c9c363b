"""What the built-in plans say about versions and each other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.plan_compile import paced_for
from bot.domain.version_rules import released, tag_of
from tests.requirements.acting import plans

ROOT = Path(__file__).resolve().parent.parent.parent
CANARY, PROOFILE = "whispercache-canary", "proofile-staged"
BATCHES, CRYPTO = "batch-patches-waves", "crypto-watch-linear"
FEATURE = "sarvanom-feature"


# --- versions -----------------------------------------------------------------------------------


def takes(plan: str, version: str, environment: str = "production") -> bool:
    try:
        released(version, plans().get(plan).sections.version, environment, plan)
    except ValueError:
        return False
    return True


@pytest.mark.requirement("W-032", "W-033", "W-038")
def test_whispercache_takes_a_build_only_where_it_is_meant_for() -> None:
    assert takes(CANARY, "1.2.0-rc.1+staging.20251201", "staging")
    assert not takes(CANARY, "1.2.0-rc.1+staging.20251201")
    assert [takes(CANARY, f"1.2.0-{kind}.1") for kind in ("rc", "beta", "alpha", "dev")] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.requirement("C-066", "X-28")
def test_crypto_watch_takes_three_numbers_and_nothing_behind_them() -> None:
    assert takes(CRYPTO, "v1.2.3")
    assert not takes(CRYPTO, "v1.2.3-rc.1")
    assert not takes(CRYPTO, "v1.2.3+7")


@pytest.mark.requirement("X-28")
@pytest.mark.parametrize(
    ("plan", "tag"), [(CANARY, "v1.2.0"), (PROOFILE, "prod-v1.2.0"), (CRYPTO, "v1.2.0")]
)
def test_each_plan_has_tags_of_its_own_form(plan: str, tag: str) -> None:
    assert tag_of(plans().get(plan).sections.version, "v1.2.0") == tag
    assert takes(plan, tag)


# --- environments -------------------------------------------------------------------------------


@pytest.mark.requirement("W-099", "W-100", "W-023", "S4-02a", "S4-02b")
@pytest.mark.parametrize(
    ("environment", "every"), [("development", "30s"), ("staging", "10s"), ("production", "10s")]
)
def test_whispercaches_health_is_asked_as_often_as_the_environment_wants(
    environment: str, every: str
) -> None:
    assert paced_for(plans().get(CANARY), environment).metrics["health"].every == every


# --- each other ---------------------------------------------------------------------------------


@pytest.mark.requirement("X-01")
def test_each_document_has_waves_of_its_own() -> None:
    waves = {name: [w.traffic for w in plans().get(name).waves] for name in plans().names()}
    assert waves[CANARY] == waves[FEATURE] == [5, 25, 50, 100]
    assert waves[PROOFILE] == [5, 25, 100]
    assert waves[BATCHES] == [10, 25, 50, 100]
    assert plans().get(CRYPTO).waves != plans().get(FEATURE).waves
    soaks = {name: [w.soak for w in plans().get(name).waves] for name in (CANARY, FEATURE)}
    assert soaks[CANARY] != soaks[FEATURE]


def shipped() -> Iterator[Path]:
    for folder in ("bot", "commands", "templates", "docs"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".yaml", ".j2", ".md", ".js", ".html"}:
                yield path


@pytest.mark.requirement("X-21")
def test_nothing_that_is_shipped_was_spoilt_by_a_wrong_encoding_or_copied_from_the_sample() -> None:
    spoilt = ("\ufffd", "â€", "Ã¤", "random_canary")
    for path in shipped():
        text = path.read_text("utf-8")
        assert not [word for word in spoilt if word in text], path
