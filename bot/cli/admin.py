"""`release` and `rollback`: the way to a running bot when Slack is down, over its own HTTP door.

They never touch the database: the bot that runs decides, by the rules that hold for buttons too.
"""

import argparse
from collections.abc import Mapping
from typing import Any

from bot.cli.shell import FINE, ProblemError, Run, Shell, UsageError, Verbs

TIMEOUT = 30.0
"""Seconds that the bot may take to answer."""

LOOKING = {
    "list": "everything under way",
    "status": "how a release stands",
    "show": "all that is known of one release",
    "history": "what was released",
    "locks": "what keeps releases from beginning",
}
ACTING = {
    "pause": "hold where it stands",
    "step-back": "return to the wave before and hold there",
    "extend": "soak longer",
    "cancel": "give up a release before traffic moves",
    "reject": "say no; the release ends",
    "lock": "nothing new begins on a service",
    "stop-the-line": "nothing begins and nothing rises anywhere",
}
REPORTING = {
    "event": "report an event, such as data_corruption; the plan says what it does",
    "report": "report something that plans count, such as escalation",
    "incident": "open an incident",
}
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104
"""What a bot may listen on that can't be called -> what is called then."""


def add(verbs: Verbs) -> None:
    """Put the verbs of this module into the tree."""
    release = verbs.group("release", "look at releases and hold them, without Slack")
    for name, summary in LOOKING.items():
        verb = release.add(name, summary, _release(name), json=True)
        verb.add_argument("target", nargs="?", default="", help="a service or a rollout's id")
        _where(verb)
    for name in ("start", "preview"):
        summary = {"start": "ask for a release", "preview": "its schedule; changes nothing"}[name]
        verb = release.add(name, summary, _release(name), json=True)
        verb.add_argument("version", help="like v1.2.0")
        verb.add_argument("service", nargs="?", default="")
        verb.add_argument("--env", default="", help="the environment")
        verb.add_argument("--plan", default="", help="another plan than the service's own")
        verb.add_argument("--artifact", default="", help="the digest you expect, sha256:…")
        _where(verb)
    for name, summary in ACTING.items():
        verb = release.add(name, summary, _release(name), json=True)
        verb.add_argument("target", nargs="?", default="", help="a service or a rollout's id")
        what = "by how much, like 10m" if name == "extend" else "why"
        verb.add_argument("text", nargs="*", help=what)
        _where(verb)
    for name, summary in REPORTING.items():
        verb = release.add(name, summary, _release(name), json=True)
        if name == "incident":
            verb.add_argument("target", choices=["open"], help="closing one is done in Slack")
        verb.add_argument("version", metavar=name.upper(), help="which one")
        verb.add_argument("service", help="the service that it is about")
        verb.add_argument("text", nargs="*", metavar="detail", help="what you see")
        verb.add_argument("--env", default="", help="the environment (production)")
        _where(verb)
    rollback = verbs.add("rollback", "back to the version before, at once", _rollback, json=True)
    rollback.add_argument("service", nargs="?", default="", help="a service or a rollout's id")
    rollback.add_argument("version", nargs="?", default="", help="the version to take back")
    rollback.add_argument("--reason", required=True, help="why; it is announced and kept")
    rollback.add_argument(
        "--now", action="store_true", help="break the glass: no signatures; review it afterwards"
    )
    _where(rollback)


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--person", default="", help="who asks, as `people:` names them ($USER)")
    parser.add_argument("--url", default="", help="of the bot (COUNTERSIGN_HOST and _PORT)")


def _release(name: str) -> Run:
    def run(args: argparse.Namespace, shell: Shell) -> int:
        words = [getattr(args, word, "") for word in ("target", "version", "service")]
        options = [(o, getattr(args, o, "")) for o in ("env", "plan", "artifact")]
        words += [f"--{option}={value}" for option, value in options if value]
        words += getattr(args, "text", [])
        typed = " ".join(_quoted(word) for word in words if word)
        return _send(args, shell, "release", {"verb": name, "args": typed})

    return run


def _rollback(args: argparse.Namespace, shell: Shell) -> int:
    body = {"service": args.service, "version": args.version, "reason": args.reason}
    if args.now:
        body["now"] = "yes"
    return _send(args, shell, "rollback", body)


def _quoted(word: str) -> str:
    """A word the way the bot reads words: in quotes when there is space in it."""
    plain = word.replace('"', "'")
    return f'"{plain}"' if any(letter.isspace() for letter in plain) else plain


def _send(args: argparse.Namespace, shell: Shell, name: str, body: Mapping[str, str]) -> int:
    """Ask the bot and say what it answered. Raises ProblemError with what to do."""
    token = shell.value("COUNTERSIGN_HOOK_TOKEN")
    if not token:
        raise ProblemError(
            "COUNTERSIGN_HOOK_TOKEN is not set. Set it, here and where the bot runs, to the same "
            "long random text; without it the bot takes no orders from outside Slack."
        )
    person = args.person or shell.value("USER")
    if not person:
        raise UsageError("say who asks: --person NAME, as `people:` in the configuration has it")
    url = args.url or address(shell)
    given = {key: value for key, value in body.items() if value} | {"person": person}
    status, answer = _post(f"{url.rstrip('/')}/admin/{name}", token, given)
    message = str(answer.get("message") or answer.get("error") or "")
    if args.json:
        shell.say_json({"status": status, **answer})
        return FINE if status < 300 else 1
    if status >= 300:
        raise ProblemError(_refused(status, message, url))
    shell.say(message)
    return FINE


def address(shell: Shell) -> str:
    """Where the bot is called, from what it listens on."""
    host = shell.value("COUNTERSIGN_HOST", "127.0.0.1")
    host = EVERYWHERE.get(host, host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{shell.value('COUNTERSIGN_PORT', '3000')}"


def _post(url: str, token: str, body: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
    import httpx

    try:
        answer = httpx.post(
            url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT
        )
    except httpx.ReadTimeout as error:
        raise ProblemError(
            f"{url} took the request and did not answer within {TIMEOUT:g} s; it may have been "
            "done. Look before you repeat it: countersign release list"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProblemError(
            f"no bot answers at {url} ({error}). Start it with `countersign serve`, or say where "
            "it is with --url."
        ) from error
    try:
        found = answer.json()
    except ValueError:
        found = {"error": answer.text[:200]}
    return answer.status_code, found if isinstance(found, dict) else {"error": str(found)}


def _refused(status: int, message: str, url: str) -> str:
    match status:
        case 401:
            return (
                f"the bot at {url} has another COUNTERSIGN_HOOK_TOKEN than the one set here; "
                "set both to the same."
            )
        case 404:
            return (
                f"the bot at {url} takes no orders: it runs without COUNTERSIGN_HOOK_TOKEN (or it "
                "isn't Countersign). Set it where the bot runs, and start it again."
            )
        case 400 | 409:
            return message or "the bot refused, and said nothing more."
        case _:
            return f"the bot at {url} answered {status}: {message}. Its log says more."
