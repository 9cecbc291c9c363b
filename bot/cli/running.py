"""`serve`, `demo`, `version`: the bot itself, the practice workspace, and which one this is."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.cli.shell import FINE, ProblemError, Shell, UsageError, Verbs

if TYPE_CHECKING:
    from bot.domain.secret import Secret

DEMO_PORT = 8800


def add(verbs: Verbs) -> None:
    """Put the verbs of this module into the tree."""
    verbs.add("serve", "run the bot", _serve)
    demo = verbs.add("demo", "try everything out, without a Slack account", _demo)
    demo.add_argument("--port", type=int, default=DEMO_PORT, help="of the page (%(default)s)")
    demo.add_argument("--no-open", action="store_true", help="don't open the browser")
    demo.add_argument("--socket", action="store_true", help="deliver in Socket Mode")
    verbs.add("version", "say which version this is", _version, json=True)


def _serve(args: argparse.Namespace, shell: Shell) -> int:
    import asyncio

    from bot.app import serve
    from bot.cli.loading import configured
    from bot.files import FileError
    from bot.ports import PermanentError
    from bot.settings import SettingsError
    from bot.store.files import AlreadyRunningError, UnsuitablePlaceError
    from bot.store.migrations import NewerDatabaseError

    settings, plans = configured(args, shell)
    _log(settings.secrets.all())
    try:
        asyncio.run(serve(settings, plans))
    except (FileError, SettingsError, AlreadyRunningError, UnsuitablePlaceError) as error:
        raise ProblemError(str(error)) from error
    except (PermanentError, NewerDatabaseError, OSError) as error:
        raise ProblemError(str(error)) from error
    return FINE


def _demo(args: argparse.Namespace, _shell: Shell) -> int:
    import asyncio

    from bot.practice.stage import run

    if not 0 < args.port < 65536:
        raise UsageError("--port takes a number from 1 to 65535")
    _log()
    try:
        asyncio.run(run(args.port, open_browser=not args.no_open, sockets=args.socket))
    except OSError as error:
        raise ProblemError(
            f"port {args.port} can't be used ({error.strerror or error}); "
            f"choose another one: countersign demo --port {args.port + 1}"
        ) from error
    return FINE


def _version(args: argparse.Namespace, shell: Shell) -> int:
    from importlib.metadata import version

    found = version("countersign")
    if args.json:
        shell.say_json({"version": found})
    else:
        shell.say(f"countersign {found}")
    return FINE


def _log(secrets: Iterable["Secret"] = ()) -> None:
    """Begin to log. secrets: what no line of it may hold."""
    import logging

    from bot.slack.redaction import SecretFilter

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    quiet = SecretFilter(secrets)
    for handler in logging.getLogger().handlers:
        handler.addFilter(quiet)
    # They tell of every request; what matters of them is told by those who made it.
    for name in ("httpx", "apscheduler", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
