"""What the engine knows about services, people and channels: plain values that the app builds."""

from collections.abc import Mapping

import msgspec

from bot.code_host import Repositories
from bot.domain.calendar import Window
from bot.domain.freezes import Freeze
from bot.domain.plan import Metric
from bot.keeping import VersionKeeper
from bot.ports import Deployer, MetricSource, Target


class UnknownTargetError(LookupError):
    """There is no such service or environment in the configuration."""


class ServiceTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One environment of one service, with the adapters that reach it.

    plan: the name of the plan it is released by, unless somebody asks for another. plans: type of
    release -> the name of the plan for those. sources: by
    name of the metric; "*" for all others. channel: where its card is posted.
    checks: name -> the program and its arguments, in which {service}, {environment}, {version} and
    {artifact} are filled in. allow_by_name: releases whose artifact has no digest may be deployed.
    define: metrics that are measured in another way here than the plan says. low_traffic: when few
    people use it. team_hours: when its team is there. outside: there are checks from outside.
    keeper: who keeps a list of versions there. dashboards: name -> its address. automatic: what is
    merged to its branch is released there by itself. logs: see `bot.domain.log_links`.
    """

    service: str
    environment: str
    deployer: Deployer
    plan: str = ""
    plans: Mapping[str, str] = {}
    sources: Mapping[str, MetricSource] = {}
    channel: str = ""
    checks: Mapping[str, tuple[str, ...]] = {}
    allow_by_name: bool = False
    automatic: bool = False
    define: Mapping[str, Metric] = {}
    low_traffic: tuple[Window, ...] = ()
    team_hours: tuple[Window, ...] = ()
    outside: bool = True
    keeper: VersionKeeper | None = None
    dashboards: Mapping[str, str] = {}
    logs: str = ""

    @property
    def target(self) -> Target:
        return Target(self.service, self.environment)

    def source(self, metric: str) -> MetricSource | None:
        """Who reads a metric, None when nobody does."""
        return self.sources.get(metric, self.sources.get("*"))


class PersonEntry(msgspec.Struct, frozen=True):
    """A human being and all their accounts."""

    user_ids: tuple[str, ...] = ()
    email: str = ""


class RoleEntry(msgspec.Struct, frozen=True):
    """Who holds a role: people by name, and user groups of the chat."""

    people: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()


class Channels(msgspec.Struct, frozen=True):
    """Where things are said: cards without a channel, emergencies, warnings."""

    default: str = ""
    critical: str = ""
    warning: str = ""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Everything configured, by name."""

    targets: Mapping[tuple[str, str], ServiceTarget] = {}
    people: Mapping[str, PersonEntry] = {}
    roles: Mapping[str, RoleEntry] = {}
    channels: Channels = Channels()
    freezes: tuple[Freeze, ...] = ()
    code: Repositories | None = None

    def target(self, service: str, environment: str) -> ServiceTarget:
        """Raises UnknownTargetError naming what is configured."""
        found = self.targets.get((service, environment))
        if found is not None:
            return found
        known = ", ".join(sorted(f"{s} {e}" for s, e in self.targets)) or "nothing"
        raise UnknownTargetError(
            f"{service} {environment} is not configured (configured: {known}); add it under "
            "`services:` or end the rollout"
        )

    def services(self) -> tuple[str, ...]:
        """Every service, by name."""
        return tuple(sorted({service for service, _ in self.targets}))

    def environments(self, service: str) -> tuple[str, ...]:
        """The environments of a service, by name."""
        return tuple(sorted(e for s, e in self.targets if s == service))

    def services_in(self, channel: str) -> tuple[str, ...]:
        """The services whose cards are posted in a channel."""
        return tuple(sorted({t.service for t in self.targets.values() if t.channel == channel}))

    def person_of(self, user_id: str) -> str:
        """The human being behind an account; the account itself for somebody unknown."""
        for name, entry in self.people.items():
            if user_id in entry.user_ids:
                return name
        return user_id

    def account_of(self, person: str) -> str:
        """The first account of a person, "" when none is configured."""
        entry = self.people.get(person)
        return entry.user_ids[0] if entry and entry.user_ids else ""

    def accounts_of(self, person: str) -> tuple[str, ...]:
        """All accounts of a person; an unknown person's name is the account."""
        entry = self.people.get(person)
        return entry.user_ids if entry else (person,)
