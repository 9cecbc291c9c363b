"""GitHub's API against a stand-in with a memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.code_host import Review
from bot.domain.release_notes import Commit
from bot.outbound.github import GitHub
from bot.ports import PermanentError, TemporaryError
from tests.fakes.github import TOKEN, FakeGitHub

REPO = "acme/shop"


@pytest.fixture
def far() -> FakeGitHub:
    made = FakeGitHub()
    first = made.commit("first", "2026-11-01T10:00:00Z")
    made.refs |= {"refs/heads/main": first, "refs/tags/v1.0.0": first}
    return made


@pytest.fixture
async def http(far: FakeGitHub) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(far.app())) as client:
        yield client


@pytest.fixture
def github(http: httpx.AsyncClient) -> GitHub:
    return GitHub("https://api.github.test", TOKEN, http)


async def test_a_ref_stands_for_a_commit_also_by_way_of_an_annotated_tag(
    far: FakeGitHub, github: GitHub
) -> None:
    commit = far.at("heads/main")
    await github.set_tag(REPO, "v1.0.1", commit, "Release v1.0.1: faster")
    assert far.refs["refs/tags/v1.0.1"] != commit
    assert await github.commit_of(REPO, "tags/v1.0.1") == commit
    assert await github.commit_of(REPO, "tags/v1.0.0") == commit
    assert await github.commit_of(REPO, "tags/v9") == ""
    assert [tag["message"] for tag in far.tags.values()] == ["Release v1.0.1: faster"]


async def test_a_tag_is_set_once_and_never_moved(far: FakeGitHub, github: GitHub) -> None:
    commit = far.at("heads/main")
    later = far.commit("later", "2026-11-02T10:00:00Z", commit)
    await github.set_tag(REPO, "v1.0.1", commit, "m")
    await github.set_tag(REPO, "v1.0.1", commit, "m")
    assert len(far.tags) == 1
    with pytest.raises(PermanentError, match="not at") as caught:
        await github.set_tag(REPO, "v1.0.1", later, "m")
    assert caught.value.code == "tag_taken"


async def test_a_tag_whose_answer_was_lost_is_found(far: FakeGitHub, github: GitHub) -> None:
    far.faults.append(("POST", "/git/refs", 502, {}, True))
    commit = far.at("heads/main")
    with pytest.raises(TemporaryError) as caught:
        await github.set_tag(REPO, "v1.0.1", commit, "m")
    assert caught.value.unknown
    await github.set_tag(REPO, "v1.0.1", commit, "m")
    assert len(far.tags) == 1


async def test_a_commit_is_on_a_branch_when_that_contains_it(
    far: FakeGitHub, github: GitHub
) -> None:
    first = far.at("heads/main")
    far.refs["refs/heads/main"] = far.commit("second", "2026-11-02T10:00:00Z", first)
    stray = far.commit("stray", "2026-11-02T11:00:00Z", first)
    assert await github.contains(REPO, "main", first)
    assert not await github.contains(REPO, "main", stray)
    assert not await github.contains(REPO, "nowhere", first)


async def test_a_range_is_read_to_its_end_with_the_times_of_its_commits(
    far: FakeGitHub, github: GitHub
) -> None:
    base = at = far.at("heads/main")
    for n in range(130):
        at = far.commit(f"fix: {n}\n\nmore", f"2026-11-02T{n // 60:02}:{n % 60:02}:00Z", at)
    found = await github.between(REPO, base, at)
    assert len(found) == 130
    assert found[0] == Commit(found[0].sha, datetime(2026, 11, 2, tzinfo=UTC), "fix: 0", "octocat")


async def test_a_merge_is_told_from_the_work_that_it_brings_together(
    far: FakeGitHub, github: GitHub
) -> None:
    base = far.at("heads/main")
    work = far.commit("feat: faster", "2026-11-02T10:00:00Z", base)
    merged = far.commit("Merge pull request #7", "2026-11-09T10:00:00Z", base, work)
    found = await github.between(REPO, base, merged)
    assert {(each.summary, each.merge) for each in found} == {
        ("feat: faster", False), ("Merge pull request #7", True),
    }  # fmt: skip


async def test_a_deployment_is_made_once_for_a_key(far: FakeGitHub, github: GitHub) -> None:
    commit = far.at("heads/main")
    far.faults.append(("POST", "/deployments", 502, {}, True))
    with pytest.raises(TemporaryError):
        await github.deployment(REPO, commit, "production", "r1", "signed")
    made = await github.deployment(REPO, commit, "production", "r1", "signed")
    await github.report(REPO, made, "success", "live")
    assert len(far.deployments) == 1
    assert far.statuses == {made: ["success"]}


@pytest.mark.requirement("C-050")
async def test_what_people_said_there_about_the_environment_is_told(
    far: FakeGitHub, github: GitHub
) -> None:
    commit = far.at("heads/main")
    run = far.waiting_run(commit, "production")
    assert await github.reviews(REPO, commit, "production") == []
    far.review(run, "octocat", "approved", "production", "fine")
    far.review(run, "hubot", "rejected", "production")
    far.review(run, "octocat", "pending", "production")
    far.review(run, "octocat", "approved", "staging")
    await github.approve(REPO, commit, "production", "two signed")
    assert await github.reviews(REPO, commit, "production") == [
        Review("octocat", True, "fine"),
        Review("hubot", False),
        Review("countersign", True, "two signed"),
    ]


async def test_what_waits_for_the_environment_is_approved_once_with_a_comment(
    far: FakeGitHub, github: GitHub
) -> None:
    commit = far.at("heads/main")
    run = far.waiting_run(commit, "production")
    far.waiting_run(commit, "staging")
    assert await github.approve(REPO, commit, "production", "two signed") == 1
    assert await github.approve(REPO, commit, "production", "two signed") == 0
    assert [(a["run"], a["state"], a["comment"]) for a in far.approvals] == [
        (run, "approved", "two signed")
    ]


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"retry-after": "30"}, timedelta(seconds=30)),
        (403, {"x-ratelimit-remaining": "0"}, timedelta(minutes=1)),
        (503, {}, None),
    ],
)
async def test_what_time_heals_is_asked_again(
    far: FakeGitHub, github: GitHub, status: int, headers: dict[str, str], wait: timedelta | None
) -> None:
    far.faults.append(("GET", "/git/ref", status, headers, False))
    with pytest.raises(TemporaryError) as caught:
        await github.commit_of(REPO, "tags/v1.0.0")
    assert caught.value.retry_after == wait


async def test_a_token_that_is_not_taken_is_said_with_what_to_do(
    far: FakeGitHub, http: httpx.AsyncClient
) -> None:
    with pytest.raises(PermanentError, match="COUNTERSIGN_GITHUB_TOKEN"):
        await GitHub("https://api.github.test", "wrong", http).reach(REPO)


async def test_a_repository_that_is_not_there_is_said(github: GitHub) -> None:
    with pytest.raises(PermanentError, match="acme/other"):
        await github.reach("acme/other")
    await github.reach(REPO)
