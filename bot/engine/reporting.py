"""What is reported on a service: kept, and handed to the rollouts that it may concern."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from bot.domain.events import HookFired
from bot.domain.reports import Report
from bot.domain.rollout import Rollout
from bot.engine.engine import Engine
from bot.engine.finding import Finder
from bot.store.queries import reports


class Reporting:
    """The one who writes reports down. Doing it again with the same report changes nothing."""

    def __init__(self, engine: Engine, finder: Finder) -> None:
        self._engine = engine
        self._finder = finder

    async def take(self, service: str, environment: str, fired: HookFired) -> list[Rollout]:
        """Keep what was reported and let it happen to what is under way; those rollouts, before.

        fired: with its `id` and `at`. It is kept first: a rollout that begins in between finds it.
        Raises what `Engine.apply` raises; then it has to be given in again.
        """
        if fired.at is None:
            raise ValueError(f"the report {fired.id} does not say when it began")
        report = Report(
            kind=fired.name,
            id=fired.id,
            at=fired.at,
            detail=fired.detail,
            open=fired.open,
            source=fired.source,
            level=fired.level,
        )
        now = self._engine.clock.now()

        def keep(conn: Connection) -> bool:
            return reports.keep(conn, service, environment, report, now)

        await self._engine.store.transact(keep)
        found = await self.under_way(service, environment)
        once = f"{report.source}:{report.id}:{report.at.isoformat()}:{report.open}"
        for rollout in found:
            await self._engine.apply(rollout.id, fired, once=once)
        return found

    async def heard(self, service: str, environment: str, fired: HookFired) -> None:
        """The same was told once more: it still holds."""
        if fired.at is None or not fired.open:
            return
        again = Report(fired.name, fired.id, fired.at, source=fired.source)
        now = self._engine.clock.now()
        await self._engine.store.transact(
            lambda conn: reports.heard(conn, service, environment, again, now)
        )

    async def under_way(self, service: str, environment: str) -> list[Rollout]:
        """The rollouts there that are not over, oldest first."""
        found = await self._finder.active([service])
        return [rollout for rollout in found if rollout.environment == environment]

    async def standing(self, service: str, environment: str) -> Sequence[Report]:
        """What holds there now, oldest first."""
        return await self._engine.store.transact(
            lambda conn: reports.standing(conn, service, environment)
        )


def over(report: Report, fired: HookFired) -> HookFired:
    """The end of a report, as `fired` (who, and why) tells it."""
    return msgspec.structs.replace(
        fired,
        name=report.kind,
        source=report.source,
        id=report.id,
        level=report.level,
        at=report.at,
        open=False,
    )
