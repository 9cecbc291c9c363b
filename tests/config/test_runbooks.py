"""The runbooks that come with the program, and how the one that fits is chosen."""

from pathlib import Path

import pytest

from bot.domain.runbooks import chosen
from bot.files import FileError
from bot.runbooks import read_runbooks


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
    runbooks = read_runbooks()
    assert chosen(runbooks, text) == name
    assert len(runbooks[name].steps) >= 6


def test_a_house_has_runbooks_of_its_own_and_hears_of_mistakes_in_them(tmp_path: Path) -> None:
    (tmp_path / "errors.yaml").write_text("title: Ours\nabout: [errors]\nsteps: [look]\n")
    assert read_runbooks([tmp_path])["errors"].steps == ("look",)
    (tmp_path / "bad.yaml").write_text("title: Ours\nsteps: [look]\nabot: [x]\n")
    with pytest.raises(FileError, match="did you mean 'about'"):
        read_runbooks([tmp_path])
