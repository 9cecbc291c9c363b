"""`notice`: what the templates of notices make of given values, to be read before it counts."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.shell import FINE, FOUND, ProblemError, Shell, UsageError, Verbs
from bot.cli.written import settings_of

if TYPE_CHECKING:
    from bot.domain.notice import Rendered, Words
    from bot.notice_templates import NoticeTemplates
    from bot.settings import Settings


def add(verbs: Verbs) -> None:
    """Put the verbs of this module into the tree."""
    notice = verbs.group("notice", "notices to customers")
    render = notice.add("render", "fill a template in", _render, json=True)
    render.add_argument("template", nargs="?", default="", help="without it: what there is")
    render.add_argument("--facts", metavar="FILE", help="a YAML file of names and values")
    render.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], dest="values")
    render.add_argument("--language", default="", help="like de; the main one otherwise")
    render.add_argument("--zone", action="append", default=[], help="like Europe/Berlin")
    render.add_argument("--html", action="store_true", help="the page instead of the text")


def _render(args: argparse.Namespace, shell: Shell) -> int:
    """Exit code 1 when a value is missing or makes no sense: then it could not be published."""
    import msgspec

    settings = settings_of(args, shell)
    templates = _templates(settings)
    if not args.template:
        shell.say(*templates.names())
        return FINE
    if args.template not in templates.names():
        from bot.domain.documents import nearest

        hint = nearest(args.template, templates.names())
        raise ProblemError(f"there is no template {args.template!r}; {hint}".rstrip("; "))
    made = _made(args, settings, templates)
    if args.json:
        shell.say_json(msgspec.to_builtins(made))
    elif made.words:
        shell.say(*_shown(made.words[0], html=args.html))
    for problem in made.problems:
        shell.complain(str(problem))
    return FOUND if made.problems else FINE


def _shown(words: "Words", *, html: bool) -> list[str]:
    if html:
        return [words.html.rstrip("\n")]
    return [words.subject, "", words.text.rstrip("\n")]


def _templates(settings: "Settings | None") -> "NoticeTemplates":
    from bot.files import FileError
    from bot.notice_templates import load
    from bot.noticing import templates

    try:
        return templates(settings) if settings is not None else load(())
    except FileError as error:
        raise ProblemError(f"this has to be changed first:\n{error}") from error


def _made(
    args: argparse.Namespace, settings: "Settings | None", templates: "NoticeTemplates"
) -> "Rendered":
    import msgspec

    from bot.domain.notice import Sheet
    from bot.domain.notice_facts import durations, wrong
    from bot.notice_settings import NoticesDocument

    house = (settings.config.notices if settings is not None else None) or NoticesDocument()
    zones = tuple(args.zone) or house.zones
    known = {"support": house.support, "status_page": house.status_page}
    facts = {**{n: t for n, t in known.items() if t}, **_facts(args, zones)}
    facts = {**durations(facts), **facts}
    sheet = Sheet(
        template=args.template,
        values=facts,
        zones=zones,
        languages=(args.language or house.languages[0],),
    )
    made = templates.render(sheet)
    problems = tuple(dict.fromkeys((*made.problems, *wrong(facts, zones))))
    return msgspec.structs.replace(made, problems=problems)


def _facts(args: argparse.Namespace, zones: tuple[str, ...]) -> dict[str, str]:
    from bot.files import FileError, read_document

    found: dict[str, str] = {}
    if args.facts:
        try:
            found = {n: str(v) for n, v in read_document(Path(args.facts)).data.items()}
        except FileError as error:
            raise ProblemError(str(error)) from error
    for pair in args.values:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set takes NAME=VALUE, not {pair!r}")
        found[name] = value
    return {name: _value(name, text, zones) for name, text in found.items() if text.strip()}


def _value(name: str, text: str, zones: tuple[str, ...]) -> str:
    """Times may be typed as in Slack."""
    from bot.domain.notice_times import parse_instant

    if not name.endswith("_at"):
        return text
    try:
        return parse_instant(text, zones[0] if zones else "").isoformat()
    except ValueError as error:
        raise ProblemError(f"{name}: {error}") from error
