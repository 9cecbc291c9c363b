"""Releases whose code lies at GitHub: branches, tags, approvals, and where a rollback goes."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from bot.domain.rollout import Phase, Rollout
from bot.engine.release_records import lead_times
from bot.plans import library
from tests.fakes.github import FakeGitHub
from tests.scenarios.world import HOUSE, World

PLAN = {
    "schema": 1,
    "plan": "coded",
    "extends": "quickstart",
    "version": {
        "tag": "prod-v{version}",
        "tag_message": "Release v{version}: {summary}",
        "backup_tag": "prod-backup-%Y%m%d-%H%M%S",
    },
    "branches": {"production": "main | release/v*"},
    "approvals": {"production": {"any": 2, "mirror": "github_environment"}},
}


async def with_github(
    world: World, folder: Path, branches: Mapping[str, str] | None = None
) -> FakeGitHub:
    """The bot begins anew with a plan that asks GitHub for everything."""
    far = FakeGitHub()
    first = far.commit("first", "2026-11-01T10:00:00Z")
    far.refs |= {"refs/heads/main": first, "refs/tags/prod-v1.0.0": first}
    world.others["api.github.test"] = far.app()
    config = yaml.safe_load(HOUSE.read_text("utf-8"))
    config["plans"] = [str(HOUSE.parent / "plans"), str(folder / "plans")]
    config["services"]["checkout"]["plan"] = "coded"
    config["github"] = {"url": "http://api.github.test", "repositories": {"checkout": "acme/shop"}}
    (folder / "plans").mkdir()
    (folder / "plans" / "coded.yaml").write_text(
        json.dumps(PLAN if branches is None else {**PLAN, "branches": branches})
    )
    world.house = folder / "countersign.yml"
    world.house.write_text(json.dumps(config))
    await world.restart()
    return far


def on_main(far: FakeGitHub) -> str:
    """Two commits more on main."""
    one = far.commit("feat: Faster", "2026-11-20T10:00:00Z", far.at("heads/main"))
    far.refs["refs/heads/main"] = far.commit("fix: Typo", "2026-11-20T12:00:00Z", one)
    return far.refs["refs/heads/main"]


async def refused(world: World, version: str = "v1.2.0") -> Rollout:
    """Somebody asks for a release that is not even asked to be signed."""
    await world.say("mary", f"/release start {version}")
    world.whispers("mary")
    return await world.until(Phase.REJECTED, Phase.CANCELLED)


@pytest.mark.requirement("C-007", "C-048", "C-065", "P-078", "P-115", "X-26")
async def test_a_release_from_its_branch_to_its_rollback(world: World, tmp_path: Path) -> None:
    far = await with_github(world, tmp_path)
    head = on_main(far)
    run = far.waiting_run(head, "production")
    far.review(run, "octocat", "approved", "production")
    await world.start("v1.2.0", "--note faster search")
    await world.click("ada", "approve")
    await world.advance(seconds=3)
    assert far.approvals == []  # one has signed, and GitHub knows nothing of it
    assert "refs/tags/prod-v1.2.0" not in far.refs
    await world.click("grace", "approve")
    await world.until(Phase.SOAKING)
    (approval,) = far.approvals
    assert approval["run"] == run
    assert approval["comment"] == "v1.2.0 was signed by ada and grace in Countersign"
    assert far.at("tags/prod-v1.2.0") == head
    (backup,) = [ref for ref in far.refs if ref.startswith("refs/tags/prod-backup-20261121-12")]
    assert far.at(backup.removeprefix("refs/")) == far.at("tags/prod-v1.0.0")
    said = {tag["tag"]: tag["message"] for tag in far.tags.values()}
    assert said["prod-v1.2.0"] == "Release v1.2.0: faster search"
    assert world.said("2 commits since prod-v1.0.0")
    assert world.said("production approved (1 waiting); there approved by octocat")
    world.break_version("v1.2.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    await world.advance(seconds=3)
    assert far.statuses == {1: ["in_progress", "failure"], 2: ["success"]}
    assert far.deployments[1]["sha"] == far.at("tags/prod-v1.0.0")
    assert world.said(f"Back on prod-v1.0.0 ({far.at('tags/prod-v1.0.0')[:7]})")


@pytest.mark.thorough
@pytest.mark.requirement("W-030", "X-36")
async def test_what_is_on_no_branch_for_production_is_refused(world: World, tmp_path: Path) -> None:
    far = await with_github(world, tmp_path)
    stray = far.commit("stray", "2026-11-20T10:00:00Z", far.at("heads/main"))
    far.refs |= {"refs/heads/feature/x": stray, "refs/tags/prod-v1.2.0": stray}
    ended = await refused(world)
    assert "is not on a branch that goes to production (main or release/v*)" in ended.reason
    far.refs["refs/heads/release/v1.2.0"] = stray
    assert (await world.start("v1.2.0")).phase is Phase.AWAITING_APPROVAL


@pytest.mark.thorough
@pytest.mark.requirement("S-012", "S-013", "X-36")
async def test_staging_is_released_from_its_branch_and_signed_by_people(
    world: World, tmp_path: Path
) -> None:
    plan = library(()).get("sarvanom-feature")
    far = await with_github(world, tmp_path, plan.sections.branches)
    head = on_main(far)
    await world.say("mary", "/release start v1.2.0 --env staging")
    world.whispers("mary")
    ended = await world.until(Phase.REJECTED, Phase.CANCELLED)
    assert "nor a branch that goes to staging (release/v2)" in ended.reason
    far.refs["refs/heads/release/v2"] = head
    await world.say("mary", "/release start v1.2.0 --env staging")
    world.whispers("mary")
    asked = await world.until(Phase.AWAITING_APPROVAL)
    assert asked.environment == "staging"
    await world.advance(minutes=5)
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL


@pytest.mark.thorough
async def test_the_commit_that_was_looked_at_is_tagged_whatever_main_has_become(
    world: World, tmp_path: Path
) -> None:
    far = await with_github(world, tmp_path)
    head = on_main(far)
    await world.start("v1.2.0")
    far.refs["refs/heads/main"] = far.commit("later", "2026-11-21T10:00:00Z", head)
    await world.sign()
    await world.until(Phase.SOAKING)
    await world.advance(seconds=3)
    assert far.at("tags/prod-v1.2.0") == head


@pytest.mark.thorough
async def test_nothing_moves_before_the_backup_tag_is_set(world: World, tmp_path: Path) -> None:
    far = await with_github(world, tmp_path)
    on_main(far)
    await world.start("v1.2.0")
    first = far.refs.pop("refs/tags/prod-v1.0.0")
    await world.sign()
    await world.advance(seconds=30)
    waiting = await world.rollout()
    assert waiting.phase is Phase.QUEUED
    assert "acme/shop has no tag prod-v1.0.0" in waiting.reason
    far.refs["refs/tags/prod-v1.0.0"] = first
    await world.until(Phase.SOAKING)
    assert any(ref.startswith("refs/tags/prod-backup-") for ref in far.refs)


@pytest.mark.thorough
async def test_an_outage_of_github_holds_no_rollback_and_is_made_up_for(
    world: World, tmp_path: Path
) -> None:
    far = await with_github(world, tmp_path)
    on_main(far)
    await world.start("v1.2.0")
    await world.sign()
    await world.until(Phase.PREPARING, Phase.SHIFTING, Phase.SOAKING)
    far.faults += [("POST", "", 503, {}, False)] * 6
    await world.until(Phase.SOAKING)
    world.break_version("v1.2.0", 0.5)
    await world.until(Phase.ROLLED_BACK)
    world.page_about("Rolling back")
    await world.advance(minutes=2)
    assert far.statuses[1][-1] == "failure"
    assert len(far.deployments) == 2


@pytest.mark.thorough
async def test_lead_times_are_known_once_it_is_live(world: World, tmp_path: Path) -> None:
    far = await with_github(world, tmp_path)
    base, work = far.at("heads/main"), on_main(far)
    merged = far.commit("Merge pull request #7", "2026-11-20T13:00:00Z", base, work)
    far.refs["refs/heads/main"] = merged
    done = await world.release("v1.2.0")
    began, ended = done.created_at, world.clock.now()
    (found,) = await world.bot.store.transact(
        lambda conn: lead_times(conn, "checkout", "production", began, ended)
    )
    assert [f"{at:%d %H}" for at in found.committed_at] == ["20 10", "20 12"]
    assert found.version == "v1.2.0"
    await world.advance(seconds=3)
    assert far.statuses[1] == ["in_progress", "success"]
