"""What the code's history has to say before a release, and what it is told of it.

Where no repository is configured for a service, nothing here asks or tells anything.
"""

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from bot.code_host import CodeHost, Repositories, Review, State
from bot.domain import branches, release_notes
from bot.domain.release_record import CodeKnown, Record, Standing
from bot.domain.rollout import Rollout
from bot.domain.version_rules import backup_tag, tag_message, tag_of
from bot.domain.versions import parse_version
from bot.ports import PermanentError
from bot.store.database import Store
from bot.store.queries import records, release_records

MOST_COMMITS = 1000
"""Commits of one release whose times are kept."""

_SHORT = 7
_OURS = "in Countersign"
"""How the comment of an approval ends that was handed over from here."""


class SourceCode:
    """Asks before a release, and tells after it was signed. where: None when nothing is known."""

    def __init__(self, store: Store, where: Repositories | None) -> None:
        self._store = store
        self._where = where

    def knows(self, service: str) -> bool:
        """Whether a repository is configured."""
        return self._where is not None and service in self._where.names

    # --- before a release -------------------------------------------------------------------

    async def refusal(self, rollout: Rollout) -> str:
        """Why this version may not go to this environment; "" when it may.

        Its commit is remembered, so that what is tagged is what was looked at.
        """
        if not self.knows(rollout.service):
            return ""
        host, repo = self._at(rollout.service)
        sections = rollout.the_plan.sections
        wanted = branches.patterns(sections.branches, rollout.environment, rollout.version)
        names = await self._branches(host, repo, wanted, rollout.version)
        tag = tag_of(sections.version, rollout.version)
        commit = await host.commit_of(repo, f"tags/{tag}")
        if commit and wanted and not await self._on(host, repo, names, commit):
            return (
                f"the tag {tag} ({commit[:_SHORT]}) of {repo} is not on a branch that goes to "
                f"{rollout.environment} ({branches.in_words(wanted)})"
            )
        if not commit and wanted:
            if not names:
                return (
                    f"{repo} has neither the tag {tag} nor a branch that goes to "
                    f"{rollout.environment} ({branches.in_words(wanted)})"
                )
            commit = await host.commit_of(repo, f"heads/{names[0]}")
        if commit:
            await self._remember(rollout, commit)
        return ""

    async def _branches(
        self, host: CodeHost, repo: str, wanted: Sequence[str], version: str
    ) -> list[str]:
        found: list[str] = []
        for pattern in wanted:
            refs = await host.refs(repo, f"heads/{branches.prefix(pattern)}")
            names = [ref.removeprefix("heads/") for ref in refs]
            found += branches.fitting(pattern, names)
        return branches.likely(dict.fromkeys(found), version)

    async def _on(self, host: CodeHost, repo: str, names: Sequence[str], commit: str) -> bool:
        for name in names:
            if await host.contains(repo, name, commit):
                return True
        return False

    async def back_up(self, rollout: Rollout) -> None:
        """Tag what runs now, where the plan asks for that before anything moves.

        Raises TemporaryError, PermanentError.
        """
        rules = rollout.the_plan.sections.version
        name = backup_tag(rules, rollout.phase_since)
        if not name or not self.knows(rollout.service):
            return
        host, repo = self._at(rollout.service)
        tag, commit = await self._runs(rollout, host, repo)
        if not commit:
            raise PermanentError(
                f"{name} can't be set: {repo} has no tag {tag} that says from which commit "
                f"{rollout.previous} was built; set it",
                code="no_tag",
            )
        message = f"{rollout.service} {rollout.previous}, before {rollout.version}"
        await host.set_tag(repo, name, commit, message)

    async def _runs(self, rollout: Rollout, host: CodeHost, repo: str) -> tuple[str, str]:
        """The tag and the commit of what runs now."""
        tag = tag_of(rollout.the_plan.sections.version, rollout.previous)
        return tag, await host.commit_of(repo, f"tags/{tag}")

    # --- once it is signed ------------------------------------------------------------------

    async def tell(self, record: Record, rollout: Rollout) -> CodeKnown:
        """Set the tag, hand the approval over, and read what is new; each as the plan asks.

        Safe to repeat. Raises TemporaryError, PermanentError.
        """
        host, repo = self._at(record.service)
        commit = await self._remembered(record.id)
        if not commit:
            return CodeKnown()
        rules = rollout.the_plan.sections.version
        tag = tag_of(rules, record.version)
        message = tag_message(rules, record.version, record.note)
        said = []
        if message:
            await host.set_tag(repo, tag, commit, message)
            said.append(f"tag {tag} at {commit[:_SHORT]}")
        deployment = 0
        if self._mirrored(rollout):
            deployment, words = await self._mirror(record, host, repo, commit)
            said.append(words)
        base, before = await self.last_good(record, rollout)
        commits = await host.between(repo, before, commit) if before else ()
        if commits:
            said.append(f"{len(commits)} commits since {base}")
        return CodeKnown(
            commit=commit,
            tag=tag,
            changes=release_notes.changes(commits),
            # A merge is as old as the merging; the lead time is that of the work in it.
            committed_at=tuple(each.at for each in commits if not each.merge)[:MOST_COMMITS],
            deployment=deployment,
            said=", ".join(said),
        )

    async def _mirror(
        self, record: Record, host: CodeHost, repo: str, commit: str
    ) -> tuple[int, str]:
        environment = self._environment(record.environment)
        who = " and ".join(record.signed_by)
        text = f"{record.version} was signed by {who}"
        made = await host.deployment(repo, commit, environment, record.id, text)
        await host.report(repo, made, "in_progress", text)
        others = _in_words(await host.reviews(repo, commit, environment))
        runs = await host.approve(repo, commit, environment, f"{text} {_OURS}")
        said = f"{environment} approved ({runs} waiting)" if runs else f"{environment} told"
        return made, f"{said}; there {others}" if others else said

    def _mirrored(self, rollout: Rollout) -> bool:
        approvals = rollout.the_plan.document.get("approvals") or {}
        return bool((approvals.get("production") or {}).get("mirror"))

    # --- what became of it ------------------------------------------------------------------

    async def report(self, record: Record, rollout: Rollout, state: State) -> str:
        """Tell how it went; what is to be said of it. A rollback names the tag that runs again."""
        host, repo = self._at(record.service)
        if record.deployment:
            why = record.rollback_reason or f"{record.version} is live"
            await host.report(repo, record.deployment, state, why)
        if state != "failure":
            return ""
        tag, commit = await self.last_good(record, rollout)
        if not commit:
            return ""
        if record.deployment:
            environment = self._environment(record.environment)
            text = f"back from {record.version}"
            made = await host.deployment(repo, commit, environment, f"{record.id}:back", text)
            await host.report(repo, made, "success", text)
        return f"Back on {tag} ({commit[:_SHORT]})."

    async def last_good(self, record: Record, rollout: Rollout) -> tuple[str, str]:
        """The tag and commit to which this release goes back; "", "" when there is none.

        That of the version that ran before; where it has no tag, the highest one below this
        version that was not taken back.
        """
        host, repo = self._at(record.service)
        rules = rollout.the_plan.sections.version
        tag = tag_of(rules, record.previous)
        commit = await host.commit_of(repo, f"tags/{tag}") if record.previous else ""
        if commit:
            return tag, commit
        head, _, tail = rules.tag.partition("{version}")
        refs = await host.refs(repo, f"tags/{head}")
        bad = await self._store.transact(lambda conn: self._bad(conn, record))
        below = _below(refs, head, tail, record.version, bad)
        return (below, await host.commit_of(repo, f"tags/{below}")) if below else ("", "")

    def _bad(self, conn: Connection, record: Record) -> frozenset[str]:
        rows = release_records.recent(conn, record.service, record.environment)
        taken = (row for row in rows if row["phase"] == Standing.ROLLED_BACK)
        return frozenset(row["version_name"].removeprefix("v") for row in taken)

    # --- small things -----------------------------------------------------------------------

    def _at(self, service: str) -> tuple[CodeHost, str]:
        if self._where is None:
            raise PermanentError("no repository is configured", code="no_repository")
        return self._where.host, self._where.names[service]

    def _environment(self, ours: str) -> str:
        return self._where.environments.get(ours, ours) if self._where else ours

    async def _remember(self, rollout: Rollout, commit: str) -> None:
        kept = records.Sent(key=_key(rollout.id), channel=commit, ts="", purpose="commit")
        at = rollout.phase_since
        await self._store.transact(lambda conn: records.remember_sent(conn, kept, at))

    async def _remembered(self, rollout_id: str) -> str:
        found = await self._store.transact(lambda conn: records.sent(conn, _key(rollout_id)))
        return found.channel if found is not None else ""


def _in_words(reviews: Sequence[Review]) -> str:
    """Who approved or rejected it there themselves, each once."""
    theirs = [each for each in reviews if not each.comment.endswith(_OURS)]
    words = [f"{'approved' if each.approved else 'rejected'} by {each.who}" for each in theirs]
    return ", ".join(dict.fromkeys(words))


def _key(rollout_id: str) -> str:
    return f"commit:{rollout_id}"


def _below(refs: Sequence[str], head: str, tail: str, version: str, bad: frozenset[str]) -> str:
    """The tag of the highest version below this one that was not taken back; "" for none."""
    shape = re.compile(re.escape(f"tags/{head}") + "(.+)" + re.escape(tail))
    most = parse_version(version).precedence
    found = []
    for ref in refs:
        match = shape.fullmatch(ref)
        try:
            known = parse_version(match[1]) if match else None
        except ValueError:
            continue
        if known is not None and known.precedence < most and str(known) not in bad:
            found.append((known.precedence, ref.removeprefix("tags/")))
    return max(found)[1] if found else ""
