"""The settings and the plans that a verb works with, from --config and the environment."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.shell import ProblemError, Shell

if TYPE_CHECKING:
    from bot.plans import PlanLibrary
    from bot.settings import Settings


def config_path(args: argparse.Namespace, shell: Shell) -> Path:
    """Where the configuration is: --config, COUNTERSIGN_CONFIG, or countersign.yml here."""
    from bot.settings import DEFAULT_FILE

    return Path(getattr(args, "config", "") or shell.value("COUNTERSIGN_CONFIG", DEFAULT_FILE))


def configured(
    args: argparse.Namespace, shell: Shell, *, serving: bool = True
) -> "tuple[Settings, PlanLibrary]":
    """Settings and plans that fit each other. serving: the secrets have to be there.

    Raises ProblemError with everything that was found.
    """
    from bot.files import FileError
    from bot.settings import SettingsError
    from bot.setup import load

    path = config_path(args, shell)
    if not path.exists():
        raise ProblemError(
            f"there is no {path}. `countersign init` writes one to begin with; "
            "--config or COUNTERSIGN_CONFIG name another place."
        )
    try:
        return load(path, shell.env, serving=serving)
    except (FileError, SettingsError) as error:
        raise ProblemError(f"this has to be changed first:\n{error}") from error
