"""`doctor`: looks at everything a release will need, and says what to do about each finding."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bot.cli.shell import FINE, FOUND, Shell, Verbs, quiet, table

if TYPE_CHECKING:
    from bot.cli.checkup.finding import Finding
    from bot.engine.catalogue import ServiceTarget
    from bot.files import FileError
    from bot.plans import PlanLibrary
    from bot.settings import Environment, Settings
    from bot.setup import Outside, Setup


def add(verbs: Verbs) -> None:
    """Put the verb of this module into the tree."""
    verbs.add("doctor", "check everything a release needs, and say what to do", _doctor, json=True)


def _doctor(args: argparse.Namespace, shell: Shell) -> int:
    import asyncio

    from bot.cli.checkup.finding import worst

    quiet()
    findings = asyncio.run(_all(args, shell))
    status = worst(findings)
    if args.json:
        import msgspec

        shell.say_json({"status": status, "findings": msgspec.to_builtins(findings)})
    else:
        shell.say(*report(findings))
    return FOUND if status == "fail" else FINE


def report(findings: "list[Finding]") -> list[str]:
    """The findings as a table, what to do below each that asks for something."""
    lines = table([(f.status.upper(), f.area, f.subject, f.text) for f in findings])
    shown: list[str] = []
    for finding, line in zip(findings, lines, strict=True):
        shown.append(line)
        if finding.do and finding.status != "ok":
            shown.append(f"      -> {finding.do}")
    counts = {s: sum(f.status == s for f in findings) for s in ("ok", "warn", "fail")}
    shown.append(f"{counts['fail']} to fix, {counts['warn']} to know, {counts['ok']} fine")
    return shown


async def _all(args: argparse.Namespace, shell: Shell) -> "list[Finding]":
    from bot.cli.checkup.finding import Finding
    from bot.cli.loading import config_path
    from bot.files import FileError
    from bot.settings import SettingsError
    from bot.setup import load, real_world

    path = config_path(args, shell)
    async with real_world() as outside:
        try:
            settings, plans = load(path, shell.env, serving=False)
        except FileError as error:
            missing = [] if path.exists() else [no_file()]
            return [*(missing or broken(error)), *await _without_file(shell, outside)]
        except SettingsError as error:
            return [Finding("environment", "", "fail", text) for text in error.problems]
        files = Finding("file", str(path), "ok", f"is sound, and so are {len(plans.names())} plans")
        return [files, *await examine(settings, plans, outside)]


async def examine(
    settings: "Settings", plans: "PlanLibrary", outside: "Outside"
) -> "list[Finding]":
    """Everything about an installation whose files are sound."""
    from bot.cli.checkup import home, incidents, notices, people, slack, targets
    from bot.cli.checkup.code import code
    from bot.cli.checkup.outlook import outlook
    from bot.engine.directory import Home
    from bot.publishing import NOBODY
    from bot.slack.client import SlackChat, web_client

    kept = settings.secrets
    findings = [
        *home.secrets(
            signing=bool(kept.slack_signing),
            hook=bool(kept.hook_token),
            socket=bool(kept.slack_app),
        ),
        *await home.database(kept.database_url.reveal()),
    ]
    made, unbuilt = built(settings, plans, outside)
    catalogue = made.catalogue
    web = web_client(made.slack_token, outside.session, made.slack_api)
    chat = SlackChat(web)
    identity, told = await slack.token(chat) if made.slack_token else (None, [no_token()])
    findings += [*unbuilt, *told, *await slack.socket(web, kept.slack_app)]
    wanted = {of.plan: plans.get(of.plan) for of in settings.config.services.values()}
    if identity is not None:
        findings += slack.scopes(identity, catalogue)
        findings += await slack.channels(web, identity, catalogue, made.standups)
        where = Home(identity.team_id, identity.enterprise_id)
        able, told = await people.accounts(chat, catalogue, where)
        held, groups = await people.holders(chat, catalogue, where, able)
        findings += [*told, *groups, *people.seats(wanted, held)]
    for _, place in sorted(catalogue.targets.items()):
        findings += await targets.target(place, wanted[place.plan], outside.clock.now)
    findings += await code(settings, catalogue, wanted)
    findings += await notices.ways_out(settings, made.publishers(NOBODY))
    findings += incidents.calling(settings, wanted)
    findings += incidents.steps(made.means.runbooks, wanted)
    return [*findings, *outlook(settings, plans)]


def built(
    settings: "Settings", plans: "PlanLibrary", outside: "Outside"
) -> "tuple[Setup, list[Finding]]":
    """The adapters of every environment that has sound options, and what is wrong with the others.

    Each is built alone, so that one mistake does not hide what there is to say about the rest.
    """
    from dataclasses import replace

    import msgspec

    from bot.files import FileError
    from bot.setup import setup

    made = setup(only(settings, {}), plans, outside)
    targets: dict[tuple[str, str], ServiceTarget] = {}
    findings: list[Finding] = []
    for key, environment in settings.environments.items():
        try:
            alone = setup(only(settings, {key: environment}), plans, outside)
            targets.update(alone.catalogue.targets)
        except FileError as error:
            findings += broken(error, "Correct it there, or set the variable that it names.")
    catalogue = msgspec.structs.replace(made.catalogue, targets=targets)
    return replace(made, catalogue=catalogue), findings


def only(settings: "Settings", environments: "Mapping[tuple[str, str], Environment]") -> "Settings":
    """The settings as if these environments were all there are."""
    from dataclasses import replace

    import msgspec

    services = {
        name: msgspec.structs.replace(
            settings.config.services[name],
            environments={
                place: document
                for place, document in settings.config.services[name].environments.items()
                if (name, place) in environments
            },
        )
        for name in dict.fromkeys(service for service, _ in environments)
    }
    config = msgspec.structs.replace(settings.config, services=services)
    return replace(settings, config=config, environments=environments)


async def _without_file(shell: Shell, outside: "Outside") -> "list[Finding]":
    """What can be found out while the configuration can't be read."""
    from bot.cli.checkup import home, slack
    from bot.domain.secret import Secret
    from bot.settings import SLACK_API, SQLITE
    from bot.slack.client import SlackChat, web_client

    signing = bool(shell.value("SLACK_SIGNING_SECRET"))
    hook = bool(shell.value("COUNTERSIGN_HOOK_TOKEN"))
    socket = bool(shell.value("SLACK_APP_TOKEN"))
    findings = [*home.secrets(signing=signing, hook=hook, socket=socket)]
    findings += await home.database(shell.value("COUNTERSIGN_DATABASE_URL", SQLITE))
    token = Secret(shell.value("SLACK_BOT_TOKEN"))
    api = shell.value("SLACK_API_URL", SLACK_API).rstrip("/") + "/"
    web = web_client(token, outside.session, api)
    findings += await slack.socket(web, Secret(shell.value("SLACK_APP_TOKEN")))
    if not token:
        return [*findings, no_token()]
    identity, told = await slack.token(SlackChat(web))
    return [*findings, *told, *(slack.scopes(identity, None) if identity is not None else ())]


def no_file() -> "Finding":
    """What is said where nothing is configured yet."""
    from bot.cli.checkup.finding import Finding

    do = "`countersign init` writes one to begin with; --config names another place."
    return Finding("file", "countersign.yml", "fail", "there is no configuration", do)


def no_token() -> "Finding":
    """What is said when nothing can be asked of Slack."""
    from bot.cli.checkup.finding import Finding

    do = "Set SLACK_BOT_TOKEN: copy it from the app's page OAuth & Permissions (xoxb-...)."
    return Finding("slack", "token", "fail", "there is none, so Slack was not asked", do)


def broken(error: "FileError", do: str = "Correct it there.") -> "list[Finding]":
    """What is wrong in files, one finding for each mistake. do: where nothing better is known."""
    from bot.cli.checkup.finding import Finding
    from bot.domain.documents import format_path

    return [
        Finding(
            "file",
            f"{problem.file}:{problem.line}" if problem.line else problem.file,
            "fail",
            ": ".join(part for part in (format_path(problem.path), problem.problem) if part),
            problem.hint or do,
        )
        for problem in error.problems
    ]
