"""What an app may send to a response_url, and what the same fields mean in the ack of a command."""

from bot.practice.cast import Json
from bot.practice.methods import content
from bot.practice.workspace import Ephemeral, Message, ResponseUrl, SlackError, Workspace


def respond(space: Workspace, key: str, body: Json) -> None:
    """Use a response_url once.

    Raises `expired_url`, `used_url`, `invalid_url`, and the errors of text and blocks.
    """
    url = space.use_response_url(key)
    if body.get("delete_original"):
        _delete(space, url)
    elif body.get("replace_original"):
        _replace(space, url, body)
    else:
        show(space, url.person, url.channel, body)


def show(space: Workspace, person: str, channel: str, body: Json) -> None:
    """Show a new answer: to the person alone, or to the channel with `in_channel`.

    A response_url and the ack of a command write even where the bot is no member.
    """
    text, blocks = content(space, body)
    thread_ts = str(body.get("thread_ts") or "")
    if body.get("response_type") == "in_channel":
        author = space.bot_user_id
        message = Message(channel, space.new_ts(), author, text, blocks, thread_ts=thread_ts)
        space.add(message)
    else:
        space.whisper(person, channel, text, blocks)


def _ephemeral(space: Workspace, url: ResponseUrl) -> Ephemeral | None:
    return next((each for each in space.ephemerals if each.id == url.ephemeral_id), None)


def _replace(space: Workspace, url: ResponseUrl, body: Json) -> None:
    text, blocks = content(space, body)
    shown: Message | Ephemeral | None = _ephemeral(space, url)
    if url.message_ts:
        shown = space.message(url.channel, url.message_ts)
    if shown is None:
        show(space, url.person, url.channel, body)
        return
    # An ephemeral stays one whatever response_type says; a message stays in its channel.
    shown.text, shown.blocks = text, blocks
    if isinstance(shown, Message):
        shown.edited_ts = space.new_ts()
    space.changed()


def _delete(space: Workspace, url: ResponseUrl) -> None:
    ephemeral = _ephemeral(space, url)
    if ephemeral is not None:
        space.ephemerals.remove(ephemeral)
        space.changed()
    elif url.message_ts:
        space.remove(space.message(url.channel, url.message_ts))
    else:
        raise SlackError("no_original")
