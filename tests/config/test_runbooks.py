"""The runbooks that come with the program, and how the one that fits is chosen."""

from pathlib import Path

import pytest

from bot.domain.runbooks import chosen
from bot.files import FileError
from bot.runbooks import read_runbooks, runbooks
from bot.settings import Settings, load_settings
from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS, load


@pytest.mark.requirement("W-158")
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("v1.2.0 was taken back: error_rate > 2% (3.1%)", "errors"),
        ("db_pool >= 100% (100%)", "database"),
        ("oom_share > 20% (25%)", "memory"),
        ("people are unhappy", "general"),
    ],
)
def test_the_runbook_is_chosen_by_what_broke(text: str, name: str) -> None:
    found = read_runbooks()
    assert chosen(found, text) == name
    assert len(found[name].steps) >= 6


def test_a_house_has_runbooks_of_its_own_and_hears_of_mistakes_in_them(tmp_path: Path) -> None:
    (tmp_path / "errors.yaml").write_text("title: Ours\nabout: [errors]\nsteps: [look]\n")
    assert read_runbooks([tmp_path])["errors"].steps == ("look",)
    (tmp_path / "bad.yaml").write_text("title: Ours\nsteps: [look]\nabot: [x]\n")
    with pytest.raises(FileError, match=r"bad.yaml:3: abot: .*did you mean 'about'"):
        read_runbooks([tmp_path])


HOUSE = """\
schema: 1
channels: {default: C0RELEASES}
runbooks: [./runbooks]
people: {ada: {slack: [U0ADA]}, grace: {slack: [U0GRACE]}}
roles: {operations: {people: [ada, grace]}}
services:
  checkout:
    plan: quickstart
    environments:
      production:
        deployer: {kind: http, url: "http://d.test"}
        metrics: {kind: deployer, url: "http://d.test"}
"""


def house(folder: Path) -> Settings:
    (folder / "c.yml").write_text(HOUSE)
    known = {"deployers": DEPLOYER_OPTIONS, "metrics": METRICS_OPTIONS}
    return load_settings(folder / "c.yml", {}, serving=False, **known)


def test_the_runbooks_of_a_house_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "payments.yml").write_text("title: Payments\nsteps: [call the bank]\n")
    assert set(runbooks(house(tmp_path))) == {
        "database", "errors", "general", "memory", "payments",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"c.yml:3: runbooks\[0\]: there is no folder .*runbooks"),
        ("title: x\nsteps: []\n", "p.yaml: steps: has no step"),
        ("title: x\nsteps: [a]\nsteps: [b]\n", "p.yaml:3: "),
    ],
)
def test_a_runbook_that_can_not_be_used_is_told_with_its_place(
    text: str, words: str, tmp_path: Path
) -> None:
    if text:
        (tmp_path / "runbooks").mkdir()
        (tmp_path / "runbooks" / "p.yaml").write_text(text)
    with pytest.raises(FileError, match=words):
        runbooks(house(tmp_path))


def test_without_its_runbooks_the_bot_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(HOUSE)
    with pytest.raises(FileError, match="there is no folder"):
        load(tmp_path / "c.yml", {}, serving=False)
