"""The Web API methods that the bot uses, each a plain function of the workspace and arguments."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.practice import uploads, views
from bot.practice.arguments import decoded, flag, number, required
from bot.practice.blocks import MESSAGE_TEXT, checked_blocks, with_ids
from bot.practice.cast import Channel, Json, user_object
from bot.practice.workspace import Message, SlackError, Workspace


@dataclass(frozen=True)
class Method:
    """One method.

    scopes: any one of these is enough; none: a valid token is.
    tier: Slack's rate tier, 0 for the special ones.
    takes_json: a JSON body is read; otherwise only forms and queries are, as on Slack.
    app_level: wants the app-level token in place of the bot's.
    """

    run: Callable[[Workspace, Json], Json]
    scopes: tuple[str, ...]
    tier: int
    takes_json: bool = True
    app_level: bool = False


def content(space: Workspace, args: Json) -> tuple[str, list[Json]]:
    """Text and blocks of what is to be shown.

    Raises `no_text`, `msg_too_long`, `invalid_blocks_format`, `invalid_blocks`.
    """
    text = str(args.get("text") or "")
    blocks = checked_blocks(decoded(args, "blocks", "invalid_blocks_format") or [])
    if not text and not blocks:
        raise SlackError("no_text")
    if len(text) > MESSAGE_TEXT:
        raise SlackError("msg_too_long")
    return text, with_ids(blocks, space.new_id)


def _metadata(args: Json) -> Json | None:
    value = decoded(args, "metadata", "invalid_metadata_format")
    if value is None or value == {}:
        return None
    fine = isinstance(value, dict) and isinstance(value.get("event_type"), str)
    if not isinstance(value, dict) or not fine or not isinstance(value.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    return value


def message_object(space: Workspace, message: Message, *, metadata: bool = False) -> Json:
    """A message as Slack gives it to an app."""
    shown: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text}
    if message.user == space.bot_user_id:
        shown |= {"bot_id": space.bot_id, "app_id": space.app_id, "team": space.team_id}
    if message.blocks:
        shown["blocks"] = message.blocks
    if message.thread_ts:
        shown |= {"thread_ts": message.thread_ts}
    elif replies := space.replies(message):
        shown |= {"thread_ts": message.ts, "reply_count": len(replies)}
    if message.broadcast:
        shown["subtype"] = "thread_broadcast"
    if message.edited_ts:
        shown["edited"] = {"user": message.user, "ts": message.edited_ts}
    if message.files:
        shown["files"] = message.files
    if metadata and message.metadata is not None:
        shown["metadata"] = message.metadata
    return shown


def _auth_test(space: Workspace, _args: Json) -> Json:
    return {
        "url": f"{space.base_url}/",
        "team": space.team_name,
        "user": space.people[space.bot_user_id].name,
        "team_id": space.team_id,
        "user_id": space.bot_user_id,
        "bot_id": space.bot_id,
        "is_enterprise_install": False,
    }


def _destination(space: Workspace, args: Json) -> Channel:
    wanted = str(args["channel"])
    return space.direct_message(wanted) if wanted in space.people else space.channel(wanted)


def _post(space: Workspace, args: Json) -> Json:
    required(args, "channel")
    channel = space.writable(_destination(space, args).id, space.bot_user_id)
    text, blocks = content(space, args)
    message = Message(
        channel.id,
        space.new_ts(),
        space.bot_user_id,
        text,
        blocks,
        thread_ts=str(args.get("thread_ts") or ""),
        broadcast=flag(args, "reply_broadcast"),
        metadata=_metadata(args),
        unfurl_links=flag(args, "unfurl_links", True),
        unfurl_media=flag(args, "unfurl_media", True),
    )
    space.add(message)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message_object(space, message, metadata=True),
    }


def _update(space: Workspace, args: Json) -> Json:
    required(args, "channel", "ts")
    message = space.message(str(args["channel"]), str(args["ts"]))
    if message.user != space.bot_user_id:
        raise SlackError("cant_update_message")
    if space.channel(message.channel).is_archived:
        raise SlackError("is_inactive")
    text, blocks = content(space, args)
    if args.get("metadata") is not None:  # left out, the earlier metadata stays; empty, it goes
        message.metadata = _metadata(args)
    message.text, message.blocks = text, blocks
    message.edited_ts = space.new_ts()
    space.changed()
    return {
        "channel": message.channel,
        "ts": message.ts,
        "text": text,
        "message": message_object(space, message),
    }


def _post_ephemeral(space: Workspace, args: Json) -> Json:
    required(args, "channel", "user")
    channel = space.writable(str(args["channel"]), space.bot_user_id)
    if str(args["user"]) not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = content(space, args)
    thread_ts = str(args.get("thread_ts") or "")
    shown = space.whisper(str(args["user"]), channel.id, text, blocks, thread_ts)
    return {"message_ts": shown.ts}


def _permalink(space: Workspace, args: Json) -> Json:
    required(args, "channel", "message_ts")
    message = space.message(str(args["channel"]), str(args["message_ts"]))
    place = f"archives/{message.channel}/p{message.ts.replace('.', '')}"
    thread = f"?thread_ts={message.thread_ts}" if message.thread_ts else ""
    return {"channel": message.channel, "permalink": f"{space.base_url}/{place}{thread}"}


def _open_conversation(space: Workspace, args: Json) -> Json:
    if args.get("channel"):
        channel = space.channel(str(args["channel"]))
    else:
        users = [user for user in str(args.get("users") or "").split(",") if user]
        if not users:
            raise SlackError("users_list_not_supplied")
        if len(users) > 1:
            raise SlackError(
                "missing_scope", needed="mpim:write", provided=",".join(sorted(space.scopes))
            )
        channel = space.direct_message(users[0])
    return {"channel": {"id": channel.id}}


def _conversation(space: Workspace, args: Json) -> Json:
    required(args, "channel")
    channel = space.channel(str(args["channel"]))
    teams = {space.people[member].team_id for member in channel.members}
    known: Json = {
        "id": channel.id,
        "is_im": channel.is_im,
        "is_channel": not channel.is_im,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_shared": len(teams) > 1,
        "is_ext_shared": len(teams) > 1,
        "context_team_id": space.team_id,
    }
    if channel.is_im:
        return {"channel": known | {"user": channel.user}}
    member = space.bot_user_id in channel.members
    known |= {"name": channel.name, "is_member": member, "num_members": len(channel.members)}
    return {"channel": known}


def _page(space: Workspace, args: Json, messages: list[Message]) -> Json:
    limit = min(number(args, "limit", 100), 999)
    after, before = str(args.get("oldest") or "0"), str(args.get("latest") or "9999999999")
    edges = {after, before} if flag(args, "inclusive") else set()
    inside = [m for m in messages if after < m.ts < before or m.ts in edges]
    start = number(args, "cursor", 0)
    rest = len(inside) > start + limit
    metadata = flag(args, "include_all_metadata")
    shown = [message_object(space, m, metadata=metadata) for m in inside[start : start + limit]]
    page: Json = {"messages": shown, "has_more": rest}
    if rest:
        page["response_metadata"] = {"next_cursor": str(start + limit)}
    return page


def _readable(space: Workspace, args: Json) -> list[Message]:
    required(args, "channel")
    channel = space.channel(str(args["channel"]))
    if space.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    return space.messages.get(channel.id, [])


def _history(space: Workspace, args: Json) -> Json:
    tops = [m for m in _readable(space, args) if not m.thread_ts or m.broadcast]
    return _page(space, args, tops[::-1])


def _replies(space: Workspace, args: Json) -> Json:
    required(args, "ts")
    kept = _readable(space, args)
    thread = [m for m in kept if args["ts"] in (m.ts, m.thread_ts)]
    if not thread:
        raise SlackError("thread_not_found")
    return _page(space, args, thread)


def _user(space: Workspace, args: Json) -> Json:
    required(args, "user")
    person = space.person(str(args["user"]))
    with_email = "users:read.email" in space.scopes
    return {"user": user_object(person, space.team_id, with_email=with_email)}


def _group_members(space: Workspace, args: Json) -> Json:
    required(args, "usergroup")
    members = space.groups.get(str(args["usergroup"]))
    if members is None:
        raise SlackError("no_such_subteam")
    return {"users": list(members)}


def _views_open(space: Workspace, args: Json) -> Json:
    required(args, "trigger_id", "view")
    view = decoded(args, "view", "invalid_arguments")
    return {"view": views.sent(views.open_view(space, str(args["trigger_id"]), view))}


def _views_update(space: Workspace, args: Json) -> Json:
    required(args, "view")
    shown = views.update_view(
        space,
        decoded(args, "view", "invalid_arguments"),
        view_id=str(args.get("view_id") or ""),
        external_id=str(args.get("external_id") or ""),
        view_hash=str(args.get("hash") or ""),
    )
    return {"view": views.sent(shown)}


def _views_publish(space: Workspace, args: Json) -> Json:
    required(args, "user_id", "view")
    view = decoded(args, "view", "invalid_arguments")
    shown = views.publish_home(space, str(args["user_id"]), view, str(args.get("hash") or ""))
    return {"view": views.sent(shown)}


def _open_socket(space: Workspace, _args: Json) -> Json:
    if not space.socket_url:
        raise SlackError("socket_mode_not_enabled")
    ticket = space.new_id("K")
    space.tickets.add(ticket)
    return {"url": f"{space.socket_url}/{ticket}"}


READ = ("channels:read", "groups:read", "im:read")
HISTORY = ("channels:history", "groups:history", "im:history")

METHODS: dict[str, Method] = {
    "auth.test": Method(_auth_test, (), 0),
    "apps.connections.open": Method(_open_socket, (), 1, app_level=True),
    "chat.postMessage": Method(_post, ("chat:write",), 0),
    "chat.update": Method(_update, ("chat:write",), 3),
    "chat.postEphemeral": Method(_post_ephemeral, ("chat:write",), 4),
    "chat.getPermalink": Method(_permalink, (), 0, takes_json=False),
    "conversations.open": Method(_open_conversation, ("im:write",), 3),
    "conversations.info": Method(_conversation, READ, 3, takes_json=False),
    "conversations.history": Method(_history, HISTORY, 3, takes_json=False),
    "conversations.replies": Method(_replies, HISTORY, 3, takes_json=False),
    "users.info": Method(_user, ("users:read",), 4, takes_json=False),
    "usergroups.users.list": Method(_group_members, ("usergroups:read",), 2, takes_json=False),
    "views.open": Method(_views_open, (), 4),
    "views.push": Method(_views_open, (), 4),
    "views.update": Method(_views_update, (), 4),
    "views.publish": Method(_views_publish, (), 4),
    "files.getUploadURLExternal": Method(uploads.address, ("files:write",), 4, takes_json=False),
    "files.completeUploadExternal": Method(uploads.complete, ("files:write",), 4),
}
