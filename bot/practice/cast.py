"""Who and what a practice workspace holds: people, channels, slash commands.

The default cast gives every kind of account that a bot has to tell apart: members with different
jobs, a guest, and somebody from another company who shares the channels.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["member", "guest", "outsider", "deactivated"]

HOME_TEAM = "T0PRACTICE"
PARTNER_TEAM = "T0PARTNER"


@dataclass
class Person:
    """An account. `kind` is what users.info is asked for; `enterprise_id` is set on Grid orgs."""

    id: str
    name: str
    real_name: str
    title: str
    color: str
    kind: Kind = "member"
    team_id: str = HOME_TEAM
    enterprise_id: str = ""
    is_bot: bool = False
    tz: str = "America/Los_Angeles"
    tz_offset: int = -28800

    @property
    def email(self) -> str:
        """The address in the profile, by the account's name."""
        host = "partner.example" if self.kind == "outsider" else "example.com"
        return f"{self.name}@{host}"


@dataclass
class Channel:
    """A conversation. `user` is the other person of a direct message with the bot."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_im: bool = False
    is_private: bool = False
    is_archived: bool = False
    user: str = ""


@dataclass(frozen=True)
class Command:
    """A slash command that the app has registered."""

    command: str
    hint: str
    description: str


@dataclass(frozen=True)
class Shortcut:
    """An entry that the app has in the menu of every message."""

    callback_id: str
    name: str


def default_people() -> list[Person]:
    """The six people of the demo."""
    return [
        Person("U0MARY", "mary", "Mary Jackson", "Release manager", "#7a4b9d"),
        Person("U0ADA", "ada", "Ada Lovelace", "Security", "#b4532a"),
        Person("U0GRACE", "grace", "Grace Hopper", "Operations", "#1f6f78"),
        Person("U0ALAN", "alan", "Alan Turing", "Product", "#3f6b2f"),
        Person("U0GUS", "gus", "Gus Visitor", "Guest", "#8a6d1d", kind="guest"),
        Person(
            "U0EVE",
            "eve",
            "Eve Outsider",
            "Partner company",
            "#5a5f6b",
            kind="outsider",
            team_id=PARTNER_TEAM,
        ),
    ]


def default_channels(members: set[str], bot: str) -> list[Channel]:
    """The four channels of the demo, with everybody and the bot in them."""
    names = ("checkout", "releases", "critical", "warning")
    return [Channel(f"C0{name.upper()}", name, {*members, bot}) for name in names]


def default_commands() -> tuple[Command, ...]:
    """The slash commands under their usual names."""
    return (
        Command("/release", "start v1.2.0", "Start, follow and steer a release"),
        Command("/rollback", "[service] [reason]", "Stop a release and go back"),
        Command("/incident", "declare critical checkout fails", "Open an incident, work on it"),
        Command("/notice", "maintenance | incident | list", "Tell customers, after a second look"),
        Command("/standup", "now", "The daily standup, and who does what"),
    )


def default_shortcuts() -> tuple[Shortcut, ...]:
    """The entries of the app in the menu of messages."""
    return (Shortcut("incident_from_message", "Declare an incident"),)


def user_object(person: Person, home_team: str, *, with_email: bool) -> Json:
    """The `user` that users.info answers with.

    home_team: the team that asks; an account of another team carries `is_stranger`, which is false
        because it shares a channel with us.
    with_email: the token has `users:read.email`.
    """
    profile: Json = {
        "real_name": person.real_name,
        "display_name": person.name,
        "title": person.title,
        "team": person.team_id,
    }
    if with_email and not person.is_bot:
        profile["email"] = person.email
    user: Json = {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "deleted": person.kind == "deactivated",
        "color": person.color.lstrip("#"),
        "real_name": person.real_name,
        "tz": person.tz,
        "tz_offset": person.tz_offset,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": person.kind == "guest",
        "is_ultra_restricted": False,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if person.team_id != home_team:
        user["is_stranger"] = False
    if person.enterprise_id:
        user["enterprise_user"] = {"enterprise_id": person.enterprise_id, "id": person.id}
    return user
