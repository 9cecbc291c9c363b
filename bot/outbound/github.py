"""GitHub's REST API, as far as releases need it. Implements `bot.code_host.CodeHost`.

Written from the published description (version 2022-11-28); it has not been run against the service
itself. What is created is looked for before it is created once more.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from bot.code_host import Review, State
from bot.domain.release_notes import Commit
from bot.ports import PermanentError, TemporaryError

VERSION = "2022-11-28"
_PAGE = 100
_PAGES = 10
"""More commits between two releases than this many pages have are not read."""

_SAID = 300
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class GitHub:
    """token: of an app or a person, with contents, deployments and actions (read and write).

    url: https://api.github.com, or https://HOST/api/v3 of an own server.
    """

    def __init__(self, url: str, token: str, http: httpx.AsyncClient) -> None:
        self._base = url.rstrip("/")
        self._http = http
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
            "User-Agent": "countersign",
        }

    # --- code -------------------------------------------------------------------------------

    async def reach(self, repo: str) -> None:
        await self._get(repo, "")

    async def commit_of(self, repo: str, ref: str) -> str:
        found = await self._get(repo, f"git/ref/{quote(ref)}", missing={})
        pointed = found.get("object") or {}
        if pointed.get("type") == "tag":
            made = await self._get(repo, f"git/tags/{pointed['sha']}")
            pointed = made.get("object") or {}
        return str(pointed.get("sha") or "")

    async def refs(self, repo: str, prefix: str) -> Sequence[str]:
        found = await self._get(repo, f"git/matching-refs/{quote(prefix)}", missing=[])
        return [str(each["ref"]).removeprefix("refs/") for each in found]

    async def contains(self, repo: str, branch: str, commit: str) -> bool:
        name = f"{quote(branch, safe='')}...{commit}"
        found = await self._get(repo, f"compare/{name}?per_page=1", missing={})
        return found.get("status") in {"identical", "behind"}

    async def between(self, repo: str, base: str, head: str) -> Sequence[Commit]:
        commits: list[Commit] = []
        name = f"{quote(base, safe='')}...{quote(head, safe='')}"
        for page in range(1, _PAGES + 1):
            found = await self._get(repo, f"compare/{name}?per_page={_PAGE}&page={page}")
            commits += [_commit(each) for each in found["commits"]]
            if len(found["commits"]) < _PAGE:
                break
        return commits

    async def set_tag(self, repo: str, name: str, commit: str, message: str) -> None:
        there = await self.commit_of(repo, f"tags/{name}")
        if not there:
            made = await self._post(
                repo,
                "git/tags",
                {"tag": name, "message": message, "object": commit, "type": "commit"},
            )
            try:
                await self._post(repo, "git/refs", {"ref": f"refs/tags/{name}", "sha": made["sha"]})
            except PermanentError as error:
                # Somebody was faster; what the tag stands for is asked once more.
                if error.code != "http_422":
                    raise
                there = await self.commit_of(repo, f"tags/{name}")
        if there and there != commit:
            raise PermanentError(
                f"the tag {name} of {repo} is at {there[:7]}, not at {commit[:7]}", code="tag_taken"
            )

    # --- deployments ------------------------------------------------------------------------

    async def approve(self, repo: str, commit: str, environment: str, comment: str) -> int:
        found = await self._get(
            repo, f"actions/runs?status=waiting&head_sha={commit}&per_page={_PAGE}"
        )
        approved = 0
        for run in found["workflow_runs"]:
            path = f"actions/runs/{run['id']}/pending_deployments"
            waiting = [
                each["environment"]["id"]
                for each in await self._get(repo, path)
                if each["environment"]["name"] == environment
            ]
            if waiting:
                answer = {"environment_ids": waiting, "state": "approved", "comment": comment}
                await self._post(repo, path, answer)
                approved += 1
        return approved

    async def reviews(self, repo: str, commit: str, environment: str) -> Sequence[Review]:
        found = await self._get(repo, f"actions/runs?head_sha={commit}&per_page={_PAGE}")
        return [
            Review(
                str((each.get("user") or {}).get("login") or "somebody"),
                each["state"] == "approved",
                str(each.get("comment") or ""),
            )
            for run in found["workflow_runs"]
            for each in await self._get(repo, f"actions/runs/{run['id']}/approvals")
            if each["state"] in {"approved", "rejected"}
            and environment in {place["name"] for place in each["environments"]}
        ]

    async def deployment(
        self, repo: str, commit: str, environment: str, key: str, description: str
    ) -> int:
        where = f"sha={commit}&environment={quote(environment, safe='')}&per_page={_PAGE}"
        for each in await self._get(repo, f"deployments?{where}"):
            if (each.get("payload") or {}).get("countersign") == key:
                return int(each["id"])
        made = await self._post(
            repo,
            "deployments",
            {
                "ref": commit,
                "environment": environment,
                "description": description[:140],
                "payload": {"countersign": key},
                "auto_merge": False,
                "required_contexts": [],
            },
        )
        return int(made["id"])

    async def report(self, repo: str, deployment: int, state: State, description: str) -> None:
        body = {"state": state, "description": description[:140], "auto_inactive": True}
        await self._post(repo, f"deployments/{deployment}/statuses", body)

    # --- calling ----------------------------------------------------------------------------

    async def _get(self, repo: str, path: str, *, missing: Any = None) -> Any:
        response = await self._send("GET", repo, path, None)
        if response.status_code == httpx.codes.NOT_FOUND and missing is not None:
            return missing
        return self._judged(response, repo)

    async def _post(self, repo: str, path: str, body: Mapping[str, Any]) -> Any:
        return self._judged(await self._send("POST", repo, path, body), repo)

    async def _send(
        self, method: str, repo: str, path: str, body: Mapping[str, Any] | None
    ) -> httpx.Response:
        url = f"{self._base}/repos/{repo}/{path}".rstrip("/")
        try:
            return await self._http.request(method, url, json=body, headers=self._headers)
        except _NOT_SENT as error:
            raise TemporaryError(f"GitHub can't be reached: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            message = f"GitHub did not answer: {type(error).__name__}"
            raise TemporaryError(message, unknown=method == "POST") from error

    def _judged(self, response: httpx.Response, repo: str) -> Any:
        """The body of a good answer. Raises TemporaryError, PermanentError."""
        status = response.status_code
        if response.is_success:
            return response.json() if response.content else {}
        said = _said(response)
        if status >= 500:
            raise TemporaryError(f"GitHub answered {status}: {said}", unknown=True)
        if (wait := _wait(response)) is not None:
            raise TemporaryError(f"GitHub is asked too often: {said}", retry_after=wait)
        advice = {
            401: "set COUNTERSIGN_GITHUB_TOKEN to a token that is valid",
            403: f"give the token the right to do this in {repo}",
            404: f"give the token access to {repo}, or correct `github:` in the configuration",
        }.get(status, "")
        problem = f"GitHub answered {status}: {said}"
        raise PermanentError(f"{problem}; {advice}" if advice else problem, code=f"http_{status}")


def _wait(response: httpx.Response) -> timedelta | None:
    """How long to wait where a rate limit, the first or the second, was the reason."""
    headers = response.headers
    if response.status_code not in (403, 429):
        return None
    after = headers.get("retry-after", "")
    if after.isdigit():
        return timedelta(seconds=int(after))
    if headers.get("x-ratelimit-remaining") == "0" or response.status_code == 429:
        return timedelta(minutes=1)
    return None


def _said(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.text.strip()[:_SAID]
    return str(body.get("message") or "")[:_SAID] if isinstance(body, dict) else ""


def _commit(each: Mapping[str, Any]) -> Commit:
    commit = each["commit"]
    at = datetime.fromisoformat(str(commit["committer"]["date"]))
    author = (each.get("author") or {}).get("login") or (commit.get("author") or {}).get("name")
    summary = str(commit["message"]).partition("\n")[0]
    merge = len(each.get("parents") or ()) > 1
    return Commit(each["sha"], at, summary, str(author or ""), merge)
