"""A stand-in for GitHub's REST API with a memory, written from its published description."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]
TOKEN = "a-github-token"


@dataclass
class FakeGitHub:
    """One repository, acme/shop. Commits know their parents; refs point to commits or tags.

    faults: answered instead, in order: (method, part of the path, status, headers, after).
    """

    commits: dict[str, Json] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, Json] = field(default_factory=dict)
    deployments: list[Json] = field(default_factory=list)
    statuses: dict[int, list[str]] = field(default_factory=dict)
    runs: dict[int, Json] = field(default_factory=dict)
    approvals: list[Json] = field(default_factory=list)
    reviews: list[tuple[int, Json]] = field(default_factory=list)
    faults: list[tuple[str, str, int, dict[str, str], bool]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    # --- what is there ----------------------------------------------------------------------

    def commit(self, message: str, at: str, *parents: str) -> str:
        sha = hashlib.sha1(f"{message}{at}{parents}".encode()).hexdigest()
        self.commits[sha] = {
            "sha": sha,
            "parents": parents,
            "author": {"login": "octocat"},
            "commit": {"message": message, "committer": {"date": at}, "author": {"name": "Octo"}},
        }
        return sha

    def waiting_run(self, sha: str, environment: str) -> int:
        run = 100 + len(self.runs)
        self.runs[run] = {"id": run, "head_sha": sha, "waiting": {environment: 7}}
        return run

    def at(self, ref: str) -> str:
        """The commit behind a ref; "" when there is none."""
        sha = self.refs.get(f"refs/{ref}", "")
        return str(self.tags[sha]["object"]["sha"]) if sha in self.tags else sha

    def app(self) -> Starlette:
        base = "/repos/acme/shop"
        known = [
            ("", "GET", self._repository),
            ("/git/ref/{ref:path}", "GET", self._ref),
            ("/git/tags/{sha}", "GET", self._tag),
            ("/git/matching-refs/{ref:path}", "GET", self._matching),
            ("/git/tags", "POST", self._make_tag),
            ("/git/refs", "POST", self._make_ref),
            ("/compare/{pair:path}", "GET", self._compare),
            ("/deployments", "GET", self._deployments),
            ("/deployments", "POST", self._deploy),
            ("/deployments/{id:int}/statuses", "POST", self._status),
            ("/actions/runs", "GET", self._runs),
            ("/actions/runs/{id:int}/approvals", "GET", self._reviews),
            ("/actions/runs/{id:int}/pending_deployments", "GET", self._pending),
            ("/actions/runs/{id:int}/pending_deployments", "POST", self._approve),
        ]
        return Starlette(
            routes=[
                Route(base + path, self._guarded(do), methods=[method])
                for path, method, do in known
            ]
        )

    def _guarded(self, do: Any) -> Any:
        async def guarded(request: Request) -> Response:
            path = f"{request.method} {request.url.path}"
            self.asked.append(path)
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return _said(401, "Bad credentials")
            if request.headers.get("x-github-api-version") != "2022-11-28":
                return _said(400, "unsupported version")
            for fault in self.faults:
                method, part, status, headers, after = fault
                if method == request.method and part in path:
                    self.faults.remove(fault)
                    if after:
                        await do(request)
                    return JSONResponse({"message": "told to"}, status, headers=headers)
            done: Response = await do(request)
            return done

        return guarded

    # --- code -------------------------------------------------------------------------------

    async def _repository(self, _request: Request) -> Response:
        return JSONResponse({"full_name": "acme/shop"})

    async def _ref(self, request: Request) -> Response:
        name = f"refs/{request.path_params['ref']}"
        if name not in self.refs:
            return _said(404, "Not Found")
        return JSONResponse(self._shown(name))

    def _shown(self, name: str) -> Json:
        sha = self.refs[name]
        return {
            "ref": name,
            "object": {"type": "tag" if sha in self.tags else "commit", "sha": sha},
        }

    async def _tag(self, request: Request) -> Response:
        found = self.tags.get(request.path_params["sha"])
        return JSONResponse(found) if found else _said(404, "Not Found")

    async def _matching(self, request: Request) -> Response:
        start = f"refs/{request.path_params['ref']}"
        return JSONResponse([self._shown(name) for name in self.refs if name.startswith(start)])

    async def _make_tag(self, request: Request) -> Response:
        body = await request.json()
        if body["object"] not in self.commits:
            return _said(422, "Object does not exist")
        sha = hashlib.sha1(repr(sorted(body.items())).encode()).hexdigest()
        self.tags[sha] = {
            "sha": sha,
            "tag": body["tag"],
            "message": body["message"],
            "object": {"type": body["type"], "sha": body["object"]},
        }
        return JSONResponse(self.tags[sha], 201)

    async def _make_ref(self, request: Request) -> Response:
        body = await request.json()
        if body["ref"] in self.refs:
            return _said(422, "Reference already exists")
        if body["sha"] not in self.commits | self.tags:
            return _said(422, "Object does not exist")
        self.refs[body["ref"]] = body["sha"]
        return JSONResponse(self._shown(body["ref"]), 201)

    def _resolve(self, name: str) -> str:
        return self.at(f"heads/{name}") or self.at(f"tags/{name}") or name

    def _history(self, sha: str) -> list[str]:
        found: list[str] = []
        waiting = [sha]
        while waiting:
            at = waiting.pop()
            if at not in found and at in self.commits:
                found.append(at)
                waiting += self.commits[at]["parents"]
        return found

    async def _compare(self, request: Request) -> Response:
        base, _, head = request.path_params["pair"].partition("...")
        ends = self._resolve(base), self._resolve(head)
        if any(end not in self.commits for end in ends):
            return _said(404, "Not Found")
        theirs, ours = (self._history(end) for end in ends)
        ahead = [sha for sha in ours if sha not in theirs][::-1]
        behind = [sha for sha in theirs if sha not in ours]
        status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}.get(
            (bool(ahead), bool(behind)), "identical"
        )
        size, page = (
            int(request.query_params.get(n, d)) for n, d in (("per_page", 30), ("page", 1))
        )
        part = ahead[(page - 1) * size : page * size]
        commits = [self.commits[sha] for sha in part]
        return JSONResponse({"status": status, "total_commits": len(ahead), "commits": commits})

    # --- deployments ------------------------------------------------------------------------

    async def _deployments(self, request: Request) -> Response:
        wanted = request.query_params
        found = [
            each
            for each in self.deployments
            if each["sha"] == wanted["sha"] and each["environment"] == wanted["environment"]
        ]
        return JSONResponse(found)

    async def _deploy(self, request: Request) -> Response:
        body = await request.json()
        sha = self._resolve(body["ref"])
        if sha not in self.commits:
            return _said(422, f"No ref found for: {body['ref']}")
        made = {
            "id": len(self.deployments) + 1,
            "sha": sha,
            "environment": body["environment"],
            "payload": body["payload"],
            "description": body["description"],
        }
        self.deployments.append(made)
        return JSONResponse(made, 201)

    async def _status(self, request: Request) -> Response:
        body, id_ = await request.json(), request.path_params["id"]
        if not 0 < id_ <= len(self.deployments):
            return _said(404, "Not Found")
        self.statuses.setdefault(id_, []).append(body["state"])
        return JSONResponse({"state": body["state"]}, 201)

    async def _runs(self, request: Request) -> Response:
        wanted = request.query_params
        found = [
            {"id": run["id"], "head_sha": run["head_sha"], "status": "waiting"}
            for run in self.runs.values()
            if run["head_sha"] == wanted["head_sha"]
            and (run["waiting"] or wanted.get("status") != "waiting")
        ]
        return JSONResponse({"total_count": len(found), "workflow_runs": found})

    def review(self, run: int, who: str, state: str, environment: str, comment: str = "") -> None:
        """Somebody says in GitHub what they think of it."""
        said = {"state": state, "comment": comment, "user": {"login": who}}
        self.reviews.append((run, said | {"environments": [{"name": environment}]}))

    async def _reviews(self, request: Request) -> Response:
        run = request.path_params["id"]
        return JSONResponse([said for of, said in self.reviews if of == run])

    async def _pending(self, request: Request) -> Response:
        waiting = self.runs[request.path_params["id"]]["waiting"]
        shown = [
            {"environment": {"id": id_, "name": name}, "current_user_can_approve": True}
            for name, id_ in waiting.items()
        ]
        return JSONResponse(shown)

    async def _approve(self, request: Request) -> Response:
        body, run = await request.json(), self.runs[request.path_params["id"]]
        if not set(body["environment_ids"]) <= set(run["waiting"].values()):
            return _said(422, "No pending deployment requests to approve or reject")
        before = run["waiting"]
        run["waiting"] = {
            name: id_ for name, id_ in run["waiting"].items() if id_ not in body["environment_ids"]
        }
        self.approvals.append({"run": run["id"], **body})
        for name, id_ in before.items():
            if id_ in body["environment_ids"]:
                self.review(run["id"], "countersign", body["state"], name, body["comment"])
        return JSONResponse([])


def _said(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status)
