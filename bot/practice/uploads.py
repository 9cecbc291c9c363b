"""Files: an address to send one to, its bytes, and a message that shows it."""

import mimetypes

from bot.practice.arguments import decoded, number, required
from bot.practice.cast import Json
from bot.practice.workspace import Message, SlackError, Workspace

ALT_TEXT = 1000
"""Characters of a picture's description."""


def address(space: Workspace, args: Json) -> Json:
    """files.getUploadURLExternal. Raises `invalid_arguments`, `alt_txt_too_large`."""
    required(args, "filename", "length")
    length = number(args, "length", 0)
    if not length:
        raise SlackError("invalid_arguments")
    alt = str(args.get("alt_txt") or "")
    if len(alt) > ALT_TEXT:
        raise SlackError("alt_txt_too_large")
    file_id = space.new_id("F")
    space.uploads[file_id] = {"name": str(args["filename"]), "length": length, "alt_txt": alt}
    return {"upload_url": f"{space.base_url}/upload/{file_id}", "file_id": file_id}


def complete(space: Workspace, args: Json) -> Json:
    """files.completeUploadExternal: each file once, and only with all of its bytes."""
    files = decoded(args, "files", "invalid_arguments")
    if not isinstance(files, list) or not files:
        raise SlackError("invalid_arguments")
    wanted = [_waiting(space, each) for each in files]
    if args.get("channel_id"):
        _show(space, args, [_shown(space, *each) for each in wanted])
    elif args.get("thread_ts"):
        raise SlackError("invalid_arguments")
    for each, _ in wanted:
        space.uploads[each["id"]]["complete"] = True
    return {"files": [_shown(space, *each) for each in wanted]}


def _waiting(space: Workspace, wanted: object) -> tuple[Json, Json]:
    """What is wanted, and what was uploaded; raises `file_not_found`."""
    if not isinstance(wanted, dict):
        raise SlackError("invalid_arguments")
    upload = space.uploads.get(str(wanted.get("id")))
    if upload is None or "content" not in upload or upload.get("complete"):
        raise SlackError("file_not_found")
    return wanted, upload


def _show(space: Workspace, args: Json, files: list[Json]) -> None:
    channel = space.writable(str(args["channel_id"]), space.bot_user_id)
    message = Message(
        channel.id,
        space.new_ts(),
        space.bot_user_id,
        str(args.get("initial_comment") or ""),
        thread_ts=str(args.get("thread_ts") or ""),
        files=files,
    )
    space.add(message)


def _shown(space: Workspace, wanted: Json, upload: Json) -> Json:
    """A file as messages carry it."""
    shown = {
        "id": wanted["id"],
        "title": wanted.get("title") or upload["name"],
        "name": upload["name"],
        "mimetype": kind_of(upload["name"]),
        "size": upload["length"],
        "url_private": f"{space.base_url}/files/{wanted['id']}",
    }
    return shown | ({"alt_txt": upload["alt_txt"]} if upload["alt_txt"] else {})


def kind_of(name: str) -> str:
    """The media type by a file's name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
