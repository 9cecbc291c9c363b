"""The environment: where secrets come from, and what differs from one machine to the next."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bot.domain.secret import Secret

SQLITE = "sqlite+aiosqlite:///countersign.db"
NOTHING = Secret("")


class SettingsError(ValueError):
    """The environment is not as it has to be. `problems`: one sentence for each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is never shown; empty where nothing was given. database_url can hold a password."""

    slack_token: Secret = NOTHING
    slack_signing: Secret = NOTHING
    slack_app: Secret = NOTHING
    database_url: Secret = NOTHING
    hook_token: Secret = NOTHING
    deployer: Secret = NOTHING
    github: Secret = NOTHING
    smtp: Secret = NOTHING
    statuspage: Secret = NOTHING
    pagerduty: Secret = NOTHING
    webhook: Secret = NOTHING

    def all(self) -> list[Secret]:
        """Each of them, and of an address its password, as it is written there and as it is."""
        urls = (self.database_url, self.smtp)
        whole = [getattr(self, each.name) for each in fields(self)]
        return [each for each in whole if each not in urls] + list(_passwords(urls))


def _passwords(urls: Iterable[Secret]) -> Iterator[Secret]:
    for url in urls:
        try:
            password = urlsplit(url.reveal()).password or ""
        except ValueError:
            continue
        yield from (Secret(password), Secret(unquote(password)))


class Variables:
    """Variables, each also as NAME_FILE; collects what is wrong with them, never their values."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def get(self, name: str, default: str = "") -> str:
        """The contents of the file in NAME_FILE, or else NAME, without space around it.

        The file goes first: images come with variables, and secrets are mounted over them.
        """
        file = self._env.get(f"{name}_FILE", "")
        if not file:
            return self._env.get(name, "").strip() or default
        try:
            return Path(file).read_text("utf-8").strip() or default
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            self.problems.append(f"{name}_FILE names {file}, which can't be read: {why}")
            return default

    def port(self, name: str, default: int) -> int:
        """A port; `default` when there is none, or none that can be one."""
        text = self.get(name, str(default))
        if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536:
            return int(text)
        self.problems.append(f"{name} has to be a port from 0 to 65535")
        return default

    def secrets(self) -> Secrets:
        """Everything that nobody may see."""
        return Secrets(
            slack_token=Secret(self.get("SLACK_BOT_TOKEN")),
            slack_signing=Secret(self.get("SLACK_SIGNING_SECRET")),
            slack_app=Secret(self.get("SLACK_APP_TOKEN")),
            database_url=self._database(),
            hook_token=Secret(self.get("COUNTERSIGN_HOOK_TOKEN")),
            deployer=Secret(self.get("COUNTERSIGN_DEPLOYER_SECRET")),
            smtp=Secret(self.get("COUNTERSIGN_SMTP_URL")),
            github=Secret(self.get("COUNTERSIGN_GITHUB_TOKEN")),
            statuspage=Secret(self.get("COUNTERSIGN_STATUSPAGE_KEY")),
            pagerduty=Secret(self.get("COUNTERSIGN_PAGERDUTY_KEY")),
            webhook=Secret(self.get("COUNTERSIGN_WEBHOOK_SECRET")),
        )

    def _database(self) -> Secret:
        url = self.get("COUNTERSIGN_DATABASE_URL", SQLITE)
        if not url.startswith(("sqlite+aiosqlite:///", "postgresql+asyncpg://")):
            self.problems.append(
                "COUNTERSIGN_DATABASE_URL has to begin with sqlite+aiosqlite:/// or "
                "postgresql+asyncpg://"
            )
        return Secret(url)
