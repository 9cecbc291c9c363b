"""From the settings to adapters behind their ports: the only place that names concrete ones.

What a bot is made of comes out of here; `bot.app` puts it together and runs it.
"""

import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from bot import calling, deployers, metrics
from bot.bookkeeping import care_of
from bot.code_host import Repositories
from bot.domain.alerts import HooksDocument
from bot.domain.calendar import Window
from bot.domain.documents import DocumentError
from bot.domain.documents import Path as Place
from bot.domain.freezes import LowTrafficDocument, freezes, low_traffic
from bot.domain.notary import Care
from bot.domain.samples import Reading, Unknown
from bot.domain.secret import Secret
from bot.domain.standup_calendar import Series
from bot.domain.standup_settings import series_of
from bot.domain.totals import Total
from bot.domain.units import parse_duration
from bot.egress import Guarded, Hosts, guarded_session, hosts_in
from bot.engine.catalogue import Catalogue, Channels, PersonEntry, RoleEntry, ServiceTarget
from bot.engine.chores import Listed
from bot.engine.clock import Clock, SystemClock
from bot.engine.incident_means import Means
from bot.engine.notary import AnchorBook
from bot.engine.notices import Publishing
from bot.files import FileError
from bot.fitting import unfit
from bot.keeping import RecordBook, VersionKeeper
from bot.noticing import noticing, templates
from bot.outbound import github_issues, pagerduty, statuspage
from bot.outbound.anchor_file import AnchorFile
from bot.outbound.github import GitHub
from bot.outbound.record_files import RecordFiles
from bot.outbound.statuspage import Pace
from bot.past import past_of
from bot.plans import PlanLibrary, library
from bot.ports import AddressBook, MetricQuery, MetricSource, Outlet, PermanentError
from bot.postmortems import post_mortem
from bot.publishing import NOBODY, Reach, outlets
from bot.runbooks import runbooks
from bot.settings import Environment, Settings, load_settings
from bot.slack.client import new_session
from bot.slack.standup_texts import StandupTexts
from bot.standup_words import standup_texts
from bot.telemetry import CountedDeployer, CountedSource, Telemetry
from commands.context import Names

HTTP_TIMEOUT = 10.0
"""Seconds for a call to a deployer or a metric source."""

_APIS = (github_issues.API, pagerduty.API, statuspage.API)
"""Where adapters go when the configuration names no other place."""

DEPLOYER_OPTIONS: Mapping[str, type] = {
    name: kind.options for name, kind in deployers.KINDS.items()
}
METRICS_OPTIONS: Mapping[str, type] = {name: kind.options for name, kind in metrics.KINDS.items()}


@dataclass(frozen=True, slots=True)
class Outside:
    """What is not ours and can be replaced: clock, chance, and the two HTTP clients.

    http: for deployers and metric sources. session: for Slack.
    """

    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    http: httpx.AsyncClient
    session: aiohttp.ClientSession


@dataclass(frozen=True, slots=True)
class Setup:
    """What the settings come to: values, and adapters behind their ports.

    slack_app: the app-level token; not empty: Socket Mode. publishers: the ways by which notices
    leave the house, by name, for those in an address book.
    """

    database_url: str = field(repr=False)  # it can hold a password
    slack_token: Secret
    slack_secret: Secret
    slack_app: Secret
    slack_api: str
    hook_token: Secret
    catalogue: Catalogue
    names: Names
    plans: PlanLibrary
    telemetry: Telemetry
    hooks: HooksDocument
    publishers: Callable[[AddressBook], Mapping[str, Outlet]]
    means: Means
    notices: Callable[[Mapping[str, Outlet]], Publishing]
    care: Care
    recurring: tuple[Listed, ...] = ()
    standups: tuple[Series, ...] = ()
    standup_texts: StandupTexts | None = None
    book: RecordBook | None = None
    anchors: AnchorBook | None = None


def load(
    path: Path, env: Mapping[str, str], *, serving: bool = True
) -> tuple[Settings, PlanLibrary]:
    """Settings and plans that fit each other. serving: the secrets have to be there too.

    Raises FileError and SettingsError with everything that was found.
    """
    settings = load_settings(
        path, env, deployers=DEPLOYER_OPTIONS, metrics=METRICS_OPTIONS, serving=serving
    )
    plans = library(settings.plan_folders)
    check(settings, plans)
    templates(settings)
    standup_texts(settings)
    runbooks(settings)
    return settings, plans


def check(settings: Settings, plans: PlanLibrary) -> None:
    """Raises FileError when a service's plan asks for what is not configured."""
    settings.document.refuse(unfit(settings, plans))


def setup(settings: Settings, plans: PlanLibrary, outside: Outside) -> Setup:
    """The values and adapters of an installation. Raises FileError for what can't work."""
    check(settings, plans)
    telemetry = Telemetry()
    kept = settings.secrets
    return Setup(
        database_url=kept.database_url.reveal(),
        slack_token=kept.slack_token,
        slack_secret=kept.slack_signing,
        slack_app=kept.slack_app,
        slack_api=settings.slack_api,
        hook_token=kept.hook_token,
        catalogue=_catalogue(settings, outside, telemetry),
        names=_names(settings),
        plans=plans,
        telemetry=telemetry,
        hooks=settings.config.hooks,
        publishers=_publishers(settings, outside),
        means=_means(settings, outside),
        notices=noticing(settings),
        recurring=tuple(_recurring(settings, plans)),
        standups=tuple(map(series_of, settings.config.standups)),
        standup_texts=standup_texts(settings),
        book=_book(settings),
        care=care_of(settings.config.audit),
        anchors=_anchors(settings),
    )


def _means(settings: Settings, outside: Outside) -> Means:
    """By what incidents are handled."""
    return Means(
        rules=settings.config.incidents,
        runbooks=runbooks(settings),
        pager=calling.pager(settings, outside.http, outside.clock),
        tickets=calling.tickets(settings, outside.http, outside.clock),
        draft=post_mortem,
        silent_after=parse_duration(settings.config.hooks.alertmanager.silent_after),
        release=settings.config.commands.release,
    )


def _recurring(settings: Settings, plans: PlanLibrary) -> Iterator[Listed]:
    """What comes round: the installation's own, and for each service what its plans ask for."""
    config = settings.config
    for document in config.recurring:
        yield Listed(document, "", config.channels.default)
    for name, service in config.services.items():
        seen: set[str] = set()
        for plan in dict.fromkeys([service.plan, *service.plans.values()]):
            for document in plans.get(plan).sections.recurring:
                if document.id not in seen:
                    seen.add(document.id)
                    yield Listed(document, name, service.channel or config.channels.default)


def _publishers(
    settings: Settings, outside: Outside
) -> Callable[[AddressBook], Mapping[str, Outlet]]:
    clock = outside.clock
    make = partial(outlets, settings, Reach(clock, outside.http, Pace(clock.monotonic)))
    with _told(settings, ("notices",)):
        make(NOBODY)
    return make


def _code(settings: Settings, outside: Outside) -> Repositories | None:
    """None without a token: a bot that is to run was refused without one (see `missing`)."""
    github, token = settings.config.github, settings.secrets.github.reveal()
    if github is None or not token:
        return None
    host = GitHub(github.url, token, outside.http)
    return Repositories(host, github.repositories, github.environments)


def _book(settings: Settings) -> RecordBook | None:
    records = settings.config.records
    return RecordFiles(settings.folder / records.folder) if records is not None else None


def _anchors(settings: Settings) -> AnchorBook | None:
    file = settings.config.audit.anchors.file
    return AnchorFile(settings.folder / file) if file else None


def _names(settings: Settings) -> Names:
    commands = settings.config.commands
    return Names(
        commands.release,
        commands.rollback,
        standup=commands.standup,
        incident=commands.incident,
        notice=commands.notice,
    )


def _catalogue(settings: Settings, outside: Outside, telemetry: Telemetry) -> Catalogue:
    config = settings.config
    return Catalogue(
        targets={
            key: _target(key, environment, settings, outside, telemetry)
            for key, environment in settings.environments.items()
        },
        people={
            name: PersonEntry(person.slack, person.email) for name, person in config.people.items()
        },
        roles={
            name: RoleEntry(frozenset(role.people), role.groups)
            for name, role in config.roles.items()
        },
        freezes=freezes(config.freezes),
        code=_code(settings, outside),
        channels=Channels(
            config.channels.default, config.channels.critical, config.channels.warning
        ),
    )


def _target(
    key: tuple[str, str],
    environment: Environment,
    settings: Settings,
    outside: Outside,
    telemetry: Telemetry,
) -> ServiceTarget:
    service, name = key
    of = settings.config.services[service]
    place: Place = ("services", service, "environments", name)
    shared: Mapping[str, Any] = {
        "http": outside.http,
        "secret": settings.secrets.deployer.reveal(),
        "now": outside.clock.now,
    }
    with _told(settings, (*place, "deployer")):
        deployer = deployers.build_deployer(environment.deployer, **shared)
    kind = environment.deployer.__struct_config__.tag
    return ServiceTarget(
        service=service,
        environment=name,
        deployer=CountedDeployer(deployer, kind, telemetry),
        plan=of.plan,
        plans=of.plans,
        sources=_sources(place, environment, settings, shared, telemetry),
        channel=of.channel or settings.config.channels.default,
        checks=of.checks,
        allow_by_name=environment.allow_by_name,
        automatic=of.environments[name].automatic,
        define=getattr(environment.metrics, "define", {}),
        outside=bool(getattr(environment.probe, "outside", {})),
        low_traffic=_hours(of.low_traffic, ("services", service, "low_traffic")),
        team_hours=_hours(of.team_hours, ("services", service, "team_hours")),
        keeper=deployer if isinstance(deployer, VersionKeeper) else None,
        dashboards=of.dashboards,
        logs=of.environments[name].logs or of.logs,
    )


def _hours(document: LowTrafficDocument | None, place: Place) -> tuple[Window, ...]:
    return low_traffic(document, place) if document is not None else ()


def _sources(
    place: Place,
    environment: Environment,
    settings: Settings,
    shared: Mapping[str, Any],
    telemetry: Telemetry,
) -> Mapping[str, MetricSource]:
    """`probe:` reads the metrics of that kind in every plan, `metrics:` all the others."""
    others: MetricSource | None = None
    probe: MetricSource | None = None
    if environment.metrics is not None:
        with _told(settings, (*place, "metrics")):
            source = metrics.build(environment.metrics, **shared)
        others = CountedSource(source, environment.metrics.__struct_config__.tag, telemetry)
    if environment.probe is not None:
        with _told(settings, (*place, "probe")):
            asked = metrics.build(environment.probe, **shared)
        probe = CountedSource(asked, "probe", telemetry)
    return {"*": ByKind(others, probe)}


class ByKind:
    """Implements `MetricSource` by handing each metric to the source that reads its kind."""

    def __init__(self, others: MetricSource | None, probe: MetricSource | None) -> None:
        self._others = others
        self._probe = probe

    async def read(self, query: MetricQuery, cursor: str, now: datetime) -> Reading:
        """See `MetricSource`. Raises PermanentError when nothing is configured for the kind."""
        return await self._source(query).read(query, cursor, now)

    async def past(self, query: MetricQuery, since: datetime, until: datetime) -> Total | Unknown:
        """See `PastSource`. Raises PermanentError as `read` does."""
        return await past_of(self._source(query), query, since, until)

    def _source(self, query: MetricQuery) -> MetricSource:
        is_probe = query.metric.kind == "probe" or bool(query.metric.outside)
        source = self._probe if is_probe else self._others
        if source is None:
            key = "probe" if is_probe else "metrics"
            place = f"{query.target.service} {query.target.environment}"
            problem = f"{place} has no `{key}:` to read {query.metric.name} from"
            raise PermanentError(problem, code="not_configured")
        return source


@contextmanager
def _told(settings: Settings, place: Place) -> Iterator[None]:
    """What an adapter refuses is told with the line of its options."""
    try:
        yield
    except ValueError as error:
        problem = settings.document.problem(DocumentError(place, str(error)))
        raise FileError([problem]) from error


def hosts_of(settings: Settings, plans: PlanLibrary) -> Hosts:
    """Where requests may go: the hosts of all addresses in the configuration and the plans."""
    config = msgspec.to_builtins(settings.config)
    documents = (plans.get(name).document for name in plans.names())
    return Hosts(hosts_in([config, *documents, *_APIS]))


@asynccontextmanager
async def real_world(hosts: Hosts | None = None) -> AsyncIterator[Outside]:
    """The clocks, the chance and the network of this machine; the clients are closed at the end.

    hosts: to which deployers, metric sources and the like may be spoken; None for all.
    """
    session = new_session()
    transport = Guarded(AiohttpTransport(client=guarded_session), hosts)
    client = httpx.AsyncClient(transport=transport, timeout=HTTP_TIMEOUT, follow_redirects=False)
    chance = random.SystemRandom()
    async with client:
        try:
            yield Outside(
                SystemClock(), chance.random, lambda: secrets.token_hex(8), client, session
            )
        finally:
            await session.close()
