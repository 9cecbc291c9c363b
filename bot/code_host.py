"""What is asked of the place where the code lies: commits, branches, tags, deployments.

Everybody else knows it by this protocol alone. Errors are those of `bot.ports`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from bot.domain.release_notes import Commit

State = Literal["in_progress", "success", "failure", "inactive"]
"""How a deployment stands, in GitHub's words."""


class Review(msgspec.Struct, frozen=True):
    """What somebody said there about an environment. who: their name there. approved: or not."""

    who: str
    approved: bool
    comment: str = ""


class CodeHost(Protocol):
    """One host; `repo` is owner/name everywhere. Raises TemporaryError, PermanentError."""

    async def reach(self, repo: str) -> None:
        """Raises TemporaryError, PermanentError when the repository can't be read."""
        ...

    async def commit_of(self, repo: str, ref: str) -> str:
        """The commit that `tags/NAME` or `heads/NAME` stands for; "" when there is no such ref."""
        ...

    async def refs(self, repo: str, prefix: str) -> Sequence[str]:
        """All refs that begin like this, such as heads/release/."""
        ...

    async def contains(self, repo: str, branch: str, commit: str) -> bool:
        """Whether a commit is on a branch."""
        ...

    async def between(self, repo: str, base: str, head: str) -> Sequence[Commit]:
        """The commits of `head` that `base` lacks, oldest first."""
        ...

    async def set_tag(self, repo: str, name: str, commit: str, message: str) -> None:
        """An annotated tag; nothing happens where it stands for this commit already.

        Raises PermanentError(code="tag_taken") when it stands for another one.
        """
        ...

    async def approve(self, repo: str, commit: str, environment: str, comment: str) -> int:
        """Approve what waits for this environment at a commit; how many runs that were."""
        ...

    async def reviews(self, repo: str, commit: str, environment: str) -> Sequence[Review]:
        """Who has approved or rejected this environment at a commit, ours among them."""
        ...

    async def deployment(
        self, repo: str, commit: str, environment: str, key: str, description: str
    ) -> int:
        """A deployment for that commit; the one that was made with this key, if there is one."""
        ...

    async def report(self, repo: str, deployment: int, state: State, description: str) -> None:
        """How a deployment stands now."""
        ...


class Repositories(msgspec.Struct, frozen=True):
    """Where the code of each service lies. environments: ours -> what the host calls it."""

    host: CodeHost
    names: Mapping[str, str]
    environments: Mapping[str, str] = {}
