"""What an installation says about itself: one YAML file and the environment, read once.

The file holds what may be seen by everybody who can read the repository it lies in; secrets come
from the environment alone, each also as NAME_FILE, the name of a file that holds it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from bot.bookkeeping import AuditDocument, GithubDocument, RecordsDocument, strangers
from bot.domain.alerts import HooksDocument
from bot.domain.calling import PagingDocument, TicketsDocument
from bot.domain.documents import DocumentError, nearest
from bot.domain.documents import Path as Place
from bot.domain.freezes import (
    FreezeDocument,
    LowTrafficDocument,
    TeamHoursDocument,
    mistakes_in,
    mistakes_of,
)
from bot.domain.incident_rules import IncidentsDocument
from bot.domain.log_links import mistakes_of_logs
from bot.domain.plan_terms import Closed, Name
from bot.domain.recurring import RecurringDocument
from bot.domain.recurring import mistakes_in as recurring_mistakes
from bot.domain.shape import mistakes
from bot.domain.standup_settings import StandupDocument
from bot.domain.standup_settings import mistakes_in as standup_mistakes
from bot.environment import SQLITE, Secrets, SettingsError, Variables
from bot.files import Document, FileError, read_document
from bot.members import PersonDocument, RoleDocument, mistakes_among, with_other_names
from bot.notice_settings import ChannelId, NoticesDocument, notice_mistakes
from bot.outgoing import mistakes_in_outgoing

__all__ = ["SQLITE", "Secrets", "Settings", "SettingsError", "load_settings", "missing"]

T = TypeVar("T")

DEFAULT_FILE = "countersign.yml"
SLACK_API = "https://slack.com/api/"

UNKNOWN = "is unknown"
_NO_PLAN = "there is no plan {!r}"
VARIABLES = {
    "bot_token": "SLACK_BOT_TOKEN",
    "signing_secret": "SLACK_SIGNING_SECRET",
    "database": "COUNTERSIGN_DATABASE_URL",
    "hook_token": "COUNTERSIGN_HOOK_TOKEN",
    "deployer_secret": "COUNTERSIGN_DEPLOYER_SECRET",
    "smtp": "COUNTERSIGN_SMTP_URL",
    "token": "COUNTERSIGN_GITHUB_TOKEN",
    "api_key": "COUNTERSIGN_STATUSPAGE_KEY",
    "routing_key": "COUNTERSIGN_PAGERDUTY_KEY",
}
"""What unknown keys look like that are really secrets, and where these come from."""

SlashCommand = Annotated[str, Meta(pattern=r"^/[a-z0-9_-]{1,31}$")]
Traffic = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?/(s|min|h)$")]
Address = Annotated[str, Meta(pattern=r"^https?://[^\s<>|]+$")]
Word = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class CommandsDocument(Closed, frozen=True, kw_only=True):
    """The slash commands, where they are not called as usual.

    `incident` belongs to a later version; its name can be settled now.
    """

    release: SlashCommand = "/release"
    rollback: SlashCommand = "/rollback"
    incident: SlashCommand = "/incident"
    notice: SlashCommand = "/notice"
    standup: SlashCommand = "/standup"


class ChannelsDocument(Closed, frozen=True, kw_only=True):
    """Where things are said: cards of services without a channel, emergencies, warnings."""

    default: ChannelId | Literal[""] = ""
    critical: ChannelId | Literal[""] = ""
    warning: ChannelId | Literal[""] = ""


class EnvironmentDocument(Closed, frozen=True, kw_only=True):
    """One place where a service runs.

    deployer, metrics: options of a kind that the program knows. probe: the service's health
    endpoints. allow_by_name: releases whose artifact has no digest may be deployed. automatic: what
    is merged to its branch is released by itself. logs: instead of those of the service.
    """

    deployer: Mapping[str, Any]
    metrics: Mapping[str, Any] | None = None
    probe: Mapping[str, Any] | None = None
    allow_by_name: bool = False
    automatic: bool = False
    logs: str = ""


class ServiceDocument(Closed, frozen=True, kw_only=True):
    """What is released.

    plan: by which it is released unless somebody asks for another. plans: by type of release, for
    types that have a plan of their own. checks: the programs behind the `check` gates and items of
    plans, as lists of arguments. low_traffic: when few people use it. team_hours: when its team is
    there. traffic: expected requests to all versions together, by which `plan check` tells gates
    that can't be settled. dashboards: addresses of those that its plan names. logs: the address of
    its logs, see incidents.md.
    """

    plan: str
    plans: Mapping[Name, str] = {}
    channel: ChannelId | Literal[""] = ""
    checks: Mapping[Name, Annotated[tuple[str, ...], Meta(min_length=1)]] = {}
    low_traffic: LowTrafficDocument | None = None
    team_hours: TeamHoursDocument | None = None
    traffic: Traffic | Literal[""] = ""
    dashboards: Mapping[Name, Address] = {}
    logs: str = ""
    environments: Annotated[Mapping[Word, EnvironmentDocument], Meta(min_length=1)]


class ConfigDocument(Closed, frozen=True, kw_only=True):
    """The shape of countersign.yml."""

    schema: Literal[1]
    commands: CommandsDocument = CommandsDocument()
    plans: tuple[str, ...] = ()
    runbooks: tuple[str, ...] = ()
    channels: ChannelsDocument = ChannelsDocument()
    people: Mapping[Word, PersonDocument] = {}
    roles: Mapping[Name, RoleDocument] = {}
    services: Mapping[Word, ServiceDocument] = {}
    freezes: tuple[FreezeDocument, ...] = ()
    standups: tuple[StandupDocument, ...] = ()
    standup_templates: tuple[str, ...] = ()
    recurring: tuple[RecurringDocument, ...] = ()
    notices: NoticesDocument | None = None
    hooks: HooksDocument = HooksDocument()
    incidents: IncidentsDocument = IncidentsDocument()
    records: RecordsDocument | None = None
    audit: AuditDocument = AuditDocument()
    github: GithubDocument | None = None
    paging: PagingDocument | None = None
    tickets: TicketsDocument | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of a service with options of known types."""

    deployer: Any
    metrics: Any = None
    probe: Any = None
    allow_by_name: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is configured.

    folder: of the file, where relative names begin. environments: by (service, environment).
    """

    host: str
    port: int
    slack_api: str
    secrets: Secrets
    plan_folders: tuple[Path, ...]
    folder: Path
    config: ConfigDocument
    environments: Mapping[tuple[str, str], Environment]
    document: Document = field(repr=False)


def load_settings(
    path: Path,
    env: Mapping[str, str],
    *,
    deployers: Mapping[str, type],
    metrics: Mapping[str, type],
    plan_names: Collection[str] | None = None,
    serving: bool = True,
) -> Settings:
    """The settings in a file and an environment.

    deployers, metrics: the options each kind has, by its name. plan_names: when given, services
    may name these plans only. serving: whether the bot is to run, so that secrets must be there.
    Raises FileError and SettingsError, each with all that was found.
    """
    document = read_document(path)
    config, environments = _config(document, deployers, metrics)
    _cross_check(document, config, plan_names)
    config = msgspec.structs.replace(config, roles=with_other_names(config.roles))
    values = Variables(env)
    settings = Settings(
        host=values.get("COUNTERSIGN_HOST", "127.0.0.1"),
        port=values.port("COUNTERSIGN_PORT", 3000),
        slack_api=values.get("SLACK_API_URL", SLACK_API).rstrip("/") + "/",
        secrets=values.secrets(),
        plan_folders=tuple(path.parent / folder for folder in config.plans),
        folder=path.parent,
        config=config,
        environments=environments,
        document=document,
    )
    problems = (*values.problems, *(missing(settings) if serving else ()))
    if problems:
        raise SettingsError(*problems)
    return settings


def missing(settings: Settings) -> tuple[str, ...]:
    """What the environment lacks for the bot to run, one sentence for each, with what to do."""
    secrets, found = settings.secrets, []
    if not secrets.slack_token:
        found.append(
            "SLACK_BOT_TOKEN is missing: copy it from the app's page OAuth & Permissions (xoxb-...)"
        )
    if not secrets.slack_signing and not secrets.slack_app:
        found.append(
            "SLACK_SIGNING_SECRET is missing: copy it from the app's page Basic Information; "
            "without it nobody could tell Slack's deliveries from anybody else's "
            "(in Socket Mode, with SLACK_APP_TOKEN, it is not needed)"
        )
    if settings.config.github is not None and not secrets.github:
        found.append(
            "COUNTERSIGN_GITHUB_TOKEN is missing, and `github:` is configured: see github.md"
        )
    return tuple(found)


def _config(
    document: Document, deployers: Mapping[str, type], metrics: Mapping[str, type]
) -> tuple[ConfigDocument, Mapping[tuple[str, str], Environment]]:
    options = list(_options_of(document.data, deployers, metrics))
    errors = mistakes(document.data, ConfigDocument)
    for place, value, kind in options:
        errors += [kind] if isinstance(kind, DocumentError) else mistakes(value, kind, place)
    document.refuse(_by_line(document, map(_hint_at_secrets, errors)))
    config = _made(document, (), document.data, ConfigDocument)
    made = {place: _made(document, place, value, kind) for place, value, kind in options}
    return config, _environments(config, made)


def _by_line(document: Document, errors: Iterable[DocumentError]) -> list[DocumentError]:
    return sorted(errors, key=lambda error: document.line(error.path))


def _hint_at_secrets(error: DocumentError) -> DocumentError:
    """Who looks for the place of a secret in the file is told where it belongs."""
    key = str(error.path[-1]).lower() if error.path else ""
    word = next((word for word in VARIABLES if word in key), None)
    if error.problem != UNKNOWN or word is None:
        return error
    hint = f"secrets are not written into files: set {VARIABLES[word]} in the environment"
    return DocumentError(error.path, error.problem, hint)


def _made(document: Document, place: Place, value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise FileError([document.problem(DocumentError(place, str(error)))]) from error


def _environments(
    config: ConfigDocument, made: Mapping[Place, Any]
) -> Mapping[tuple[str, str], Environment]:
    found = {}
    for service, of in config.services.items():
        for name, environment in of.environments.items():
            place = ("services", service, "environments", name)
            found[service, name] = Environment(
                made[(*place, "deployer")],
                made.get((*place, "metrics")),
                made.get((*place, "probe")),
                environment.allow_by_name,
            )
    return found


def _options_of(
    data: Mapping[str, Any], deployers: Mapping[str, type], metrics: Mapping[str, type]
) -> Any:
    """(place, value, type of the options or what is wrong with its kind) of all adapters."""
    for service, of in _items(data.get("services")):
        for name, environment in _items(_get(of, "environments")):
            place = ("services", service, "environments", name)
            for key, kinds in (("deployer", deployers), ("metrics", metrics)):
                value = _get(environment, key)
                if isinstance(value, Mapping):
                    yield (*place, key), value, _kind(value, kinds, (*place, key))
            probe = _get(environment, "probe")
            if isinstance(probe, Mapping):
                yield (*place, "probe"), {"kind": "probe", **probe}, metrics["probe"]


def _kind(value: Mapping[str, Any], kinds: Mapping[str, type], place: Place) -> Any:
    kind = value.get("kind")
    if isinstance(kind, str) and kind in kinds:
        return kinds[kind]
    known = f"one of {', '.join(sorted(kinds))}"
    if kind is None:
        return DocumentError(place, "`kind` is missing", known)
    hint = nearest(str(kind), kinds) or known
    return DocumentError((*place, "kind"), f"there is no kind {str(kind)!r}", hint)


def _items(value: Any) -> Any:
    return value.items() if isinstance(value, Mapping) else ()


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _cross_check(
    document: Document, config: ConfigDocument, plan_names: Collection[str] | None
) -> None:
    errors = (
        *mistakes_among(config.people, config.roles),
        *_commands(config),
        *_services(config, plan_names),
        *_hooks(config),
        *strangers(config.github, config.services),
        *recurring_mistakes(config.recurring),
        *mistakes_in_outgoing(config.notices, config.services),
        *standup_mistakes(config.standups, plan_names),
        *notice_mistakes(config.notices, config.roles),
        *mistakes_in(config.freezes, {n: s.environments for n, s in config.services.items()}),
    )
    document.refuse(_by_line(document, errors))


def _commands(config: ConfigDocument) -> list[DocumentError]:
    found = msgspec.structs.asdict(config.commands)
    twice = sorted(name for name, word in found.items() if [*found.values()].count(word) > 1)
    if not twice:
        return []
    return [DocumentError(("commands",), f"{' and '.join(twice)} need different commands")]


def _plans(
    name: str, service: ServiceDocument, plan_names: Collection[str] | None
) -> list[DocumentError]:
    known = service.plans.values() if plan_names is None else plan_names
    return [
        DocumentError(
            ("services", name, "plans", type_), _NO_PLAN.format(plan), nearest(plan, known)
        )
        for type_, plan in service.plans.items()
        if plan not in known
    ]


def _services(config: ConfigDocument, plan_names: Collection[str] | None) -> list[DocumentError]:
    errors = []
    if not config.services:
        errors.append(DocumentError(("services",), "there is nothing to release", "add a service"))
    for name, service in config.services.items():
        if plan_names is not None and service.plan not in plan_names:
            hint = nearest(service.plan, plan_names)
            place = ("services", name, "plan")
            errors.append(DocumentError(place, _NO_PLAN.format(service.plan), hint))
        errors += _plans(name, service, plan_names)
        errors += mistakes_of(service.low_traffic, ("services", name, "low_traffic"))
        errors += mistakes_of_logs(service.logs, ("services", name, "logs"))
        for environment, each in service.environments.items():
            where = ("services", name, "environments", environment, "logs")
            errors += mistakes_of_logs(each.logs, where)
        errors += mistakes_of(service.team_hours, ("services", name, "team_hours"))
        if not service.channel and not config.channels.default:
            hint = "add `channel` here, or `default` under `channels`"
            errors.append(DocumentError(("services", name), "its cards have no channel", hint))
    return errors


def _hooks(config: ConfigDocument) -> list[DocumentError]:
    """Alerts that are said to belong to a service belong to one that there is."""
    errors = []
    alerts = config.hooks.alertmanager
    known = {
        "services": set(config.services),
        "environments": {e for s in config.services.values() for e in s.environments},
    }
    for key, names in (("services", alerts.services), ("environments", alerts.environments)):
        for name, meant in names.items():
            if meant not in known[key]:
                place = ("hooks", "alertmanager", key, name)
                problem = f"there is no {key.removesuffix('s')} {meant!r}"
                errors.append(DocumentError(place, problem, nearest(meant, known[key])))
    return errors
