"""Plans of one's own: found in folders, built on others, and wrong in a place with a line."""

from pathlib import Path

import pytest

from bot.files import FileError
from bot.plans import UnknownPlanError, library

OWN = """\
schema: 1
plan: own
metrics:
  error_rate: {kind: ratio, bad: bad_total, total: all_total}
approvals: {production: {any: 2}}
waves:
  - {id: a, traffic: 10%, soak: 5m, title: A}
  - {id: b, traffic: 100%, soak: 5m}
triggers:
  - {id: one, if: error_rate > 5%, window: 1m}
  - {id: two, if: error_rate > 9%, window: 10s}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.yaml").write_text(OWN)
    return tmp_path


def said(*folders: Path) -> list[str]:
    """What is wrong with the plans in these folders, without the folders' own paths."""
    with pytest.raises(FileError) as caught:
        library(folders)
    text = str(caught.value)
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    return text.splitlines()


def test_plans_of_a_folder_are_there_beside_the_built_in_ones(folder: Path) -> None:
    (folder / "notes.txt").write_text("not a plan")
    found = library([folder])
    assert found.names() == (
        "batch-patches-waves", "crypto-watch-linear", "own", "proofile-staged", "quickstart",
        "sarvanom-feature", "sarvanom-hotfix", "sarvanom-major", "whispercache-bluegreen",
        "whispercache-canary",
    )  # fmt: skip
    assert found.get("own").name == "own"
    assert found.file("own") == str(folder / "own.yaml")


def test_an_unknown_plan_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownPlanError) as caught:
        library().get("quikstart")
    assert str(caught.value) == "there is no plan 'quikstart'; did you mean 'quickstart'?"
    assert isinstance(caught.value, KeyError)


def test_a_child_says_only_what_is_different(folder: Path) -> None:
    (folder / "slow.yml").write_text(
        "schema: 1\nplan: slow\nextends: own\n"
        "waves: [{id: a, soak: 1h}, {id: b}]\n"
        "triggers: [{id: two, window: 30s}, {id: three, event: data_loss}]\n"
        "approvals: {rollback: {any: 1}}\n"
    )
    found = library([folder])
    slow, own = found.get("slow"), found.get("own")
    assert [(w.id, w.title, w.soak.total_seconds()) for w in slow.waves] == [
        ("a", "A", 3600),
        ("b", "", 300),
    ]
    assert [t.id for t in slow.triggers] == ["one", "two", "three"]
    assert slow.triggers[0] == own.triggers[0]
    assert [t.window.total_seconds() for t in slow.triggers if t.window] == [60, 30]
    assert slow.approval == own.approval
    assert slow.rollback_approval is not None
    assert "extends" not in slow.document
    assert slow.document["plan"] == "slow"
    assert [Path(each).name for each in found.lineage("slow")] == ["slow.yml", "own.yaml"]


def test_a_list_of_waves_is_the_whole_list(folder: Path) -> None:
    (folder / "direct.yaml").write_text(
        "schema: 1\nplan: direct\nextends: own\nwaves: [{id: all, traffic: 100%, soak: 1m}]\n"
    )
    assert [wave.id for wave in library([folder]).get("direct").waves] == ["all"]


def test_three_generations_merge(folder: Path) -> None:
    (folder / "b.yaml").write_text("schema: 1\nplan: b\nextends: own\npoll: 2s\n")
    (folder / "c.yaml").write_text("schema: 1\nplan: c\nextends: b\nsummary: third\n")
    third = library([folder]).get("c")
    assert (third.name, third.summary, third.poll.total_seconds()) == ("c", "third", 2)


def test_an_own_plan_takes_the_place_of_a_built_in_one_and_may_build_on_it(folder: Path) -> None:
    (folder / "q.yaml").write_text(
        "schema: 1\nplan: quickstart\nextends: quickstart\nwatch: {keep_previous: 1m}\n"
    )
    plan = library([folder]).get("quickstart")
    assert plan.keep_previous.total_seconds() == 60
    assert len(plan.waves) == 4


def test_plans_that_extend_each_other_are_refused(folder: Path) -> None:
    (folder / "a.yaml").write_text("schema: 1\nplan: a\nextends: b\n")
    (folder / "b.yaml").write_text("schema: 1\nplan: b\nextends: a\n")
    assert said(folder) == [
        "b.yaml:3: extends: goes round in circles: a → b → a",
        "a.yaml:3: extends: goes round in circles: b → a → b",
    ]


def test_a_plan_that_extends_itself_is_refused(folder: Path) -> None:
    (folder / "a.yaml").write_text("schema: 1\nplan: a\nextends: a\n")
    assert said(folder) == ["a.yaml:3: extends: goes round in circles: a → a"]


def test_a_parent_that_is_not_there_is_named_with_the_nearest_one(folder: Path) -> None:
    (folder / "a.yaml").write_text("schema: 1\nplan: a\nextends: onw\n")
    assert said(folder) == ["a.yaml:3: extends: there is no plan 'onw' (did you mean 'own'?)"]


def test_a_mistake_in_a_child_is_told_with_the_child_s_line(folder: Path) -> None:
    (folder / "a.yaml").write_text(
        "schema: 1\nplan: a\nextends: own\nwaves:\n  - {id: a}\n  - id: b\n    traffic: 90%\n"
    )
    assert said(folder) == ["a.yaml:7: waves[1].traffic: the last wave has to reach 100%"]


def test_a_mistake_that_a_child_inherits_is_told_where_it_is_written(folder: Path) -> None:
    (folder / "a.yaml").write_text("schema: 1\nplan: a\nextends: own\npoll: 30s\n")
    assert said(folder) == [
        "own.yaml:11: triggers[1].window: is shorter than one look at the metrics"
        " (make it longer, or `poll` shorter)"
    ]


def test_what_a_new_wave_lacks_is_told_at_that_wave(folder: Path) -> None:
    (folder / "a.yaml").write_text(
        "schema: 1\nplan: a\nextends: own\nwaves:\n  - id: new\n    soak: 1m\n  - {id: b}\n"
    )
    assert said(folder) == ["a.yaml:5: waves[0]: `traffic` is missing"]


def test_all_mistakes_in_all_files_are_told_at_once(folder: Path) -> None:
    (folder / "a.yaml").write_text("schema: 1\nplan: a\nextends: own\npol: 1s\ntriggers: 5\n")
    (folder / "b.yaml").write_text("schema: 1\nplan: B\n")
    assert said(folder, folder / "none") == [
        "none: there is no such folder (create it, or correct `plans:` in the configuration)"
    ]
    assert said(folder) == [
        "a.yaml:4: pol: is unknown (did you mean 'poll'?)",
        "a.yaml:5: triggers: is the number 5, but has to be a list (write [5])",
        "b.yaml:2: plan: 'B' is not a name (write small letters, digits and -)",
    ]


def test_all_that_a_merged_plan_lacks_is_told_at_once(folder: Path) -> None:
    (folder / "a.yaml").write_text(
        "schema: 1\nplan: a\nextends: own\nwaves:\n  - {id: new, soak: 1m}\n  - {id: other}\n"
    )
    assert said(folder) == [
        "a.yaml:5: waves[0]: `traffic` is missing",
        "a.yaml:6: waves[1]: `traffic` is missing",
        "a.yaml:6: waves[1]: `soak` is missing",
    ]


def test_what_is_written_nowhere_is_told_at_the_plan_itself(folder: Path) -> None:
    (folder / "own.yaml").write_text(OWN.replace("approvals: {production: {any: 2}}\n", ""))
    assert said(folder) == [
        "own.yaml:1: approvals: nobody signs a release"
        " (add `production: {any: 2}`, or the roles that sign as `all_of`)"
    ]


def test_two_files_of_a_folder_can_not_have_one_name(folder: Path) -> None:
    (folder / "zwei.yaml").write_text(OWN)
    (line,) = said(folder)
    assert line.startswith("zwei.yaml:2: plan: 'own' is also in own.yaml")


def test_a_plan_without_a_name_or_a_schema_is_refused(folder: Path) -> None:
    (folder / "a.yaml").write_text("extends: own\n")
    assert said(folder) == ["a.yaml:1: `schema` is missing", "a.yaml:1: `plan` is missing"]
