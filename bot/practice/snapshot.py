"""Everything in a practice workspace as one JSON value, for the page and for tests."""

from dataclasses import asdict

from bot.practice.cast import Json
from bot.practice.views import sent
from bot.practice.workspace import Message, View, Workspace


def snapshot(space: Workspace) -> Json:
    """The whole state, oldest messages first."""
    return {
        "revision": space.revision,
        "now": space.now().timestamp(),
        "team": {"id": space.team_id, "name": space.team_name},
        "bot": {"user_id": space.bot_user_id, "name": space.bot_name},
        "people": _people(space),
        "channels": _channels(space),
        "commands": [asdict(command) for command in space.commands],
        "shortcuts": [asdict(shortcut) for shortcut in space.shortcuts],
        "messages": {
            channel: [_message(space, message) for message in kept]
            for channel, kept in space.messages.items()
        },
        "ephemerals": [
            {**asdict(shown), "thread_ts": shown.thread_ts or None} for shown in space.ephemerals
        ],
        "modals": {
            person: [_view(view) for view in stack]
            for person, stack in space.modals.items()
            if stack
        },
        "homes": {person: _view(view) for person, view in space.homes.items()},
        "calls": list(space.calls),
    }


def _people(space: Workspace) -> list[Json]:
    shown = ("id", "name", "real_name", "title", "color", "kind")
    return [
        {name: getattr(person, name) for name in shown}
        for person in space.people.values()
        if not person.is_bot
    ]


def _channels(space: Workspace) -> list[Json]:
    found: list[Json] = []
    for channel in space.channels.values():
        entry: Json = {
            "id": channel.id,
            "name": channel.name,
            "is_im": channel.is_im,
            "members": sorted(channel.members),
        }
        found.append(entry | ({"user": channel.user} if channel.is_im else {}))
    return found


def _message(space: Workspace, message: Message) -> Json:
    return {
        "ts": message.ts,
        "thread_ts": message.thread_ts or None,
        "user": message.user,
        "text": message.text,
        "blocks": message.blocks,
        "edited": bool(message.edited_ts),
        "reply_count": 0 if message.thread_ts else len(space.replies(message)),
        "broadcast": message.broadcast,
        "metadata": message.metadata,
        "files": message.files,
        "unfurl_links": message.unfurl_links,
        "unfurl_media": message.unfurl_media,
    }


def _view(view: View) -> Json:
    return {**sent(view), "errors": dict(view.errors)}
