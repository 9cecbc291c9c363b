"""The chat with pictures: an upload in three steps, and a look whether it is there already.

The scope files:write is needed for it; without it the bot works as before, and shows none.
"""

import aiohttp

from bot.keeping import Picture
from bot.ports import Message, PermanentError, TemporaryError
from bot.slack.client import CANT_LOOK, SlackChat
from bot.slack.errors import from_transport
from bot.slack.text import escape

SCOPE = "files:write"


class PictureChat(SlackChat):
    """`bot.keeping.Gallery` besides. Raises TemporaryError, PermanentError(code=Slack's word)."""

    async def upload(self, picture: Picture) -> str:
        """Ask for an address, and send the bytes there; nobody sees the file before `share`."""
        answer = await self._call(
            "files.getUploadURLExternal",
            self._web.files_getUploadURLExternal(
                filename=picture.name, length=len(picture.content), alt_txt=picture.alt
            ),
        )
        status = await self._send(str(answer["upload_url"]), picture.content)
        if status >= 500 or status == 429:
            raise TemporaryError(f"the upload was answered with {status}")
        if status != 200:
            raise PermanentError(f"the upload was refused with {status}", code="upload_refused")
        return str(answer["file_id"])

    async def _send(self, url: str, content: bytes) -> int:
        session = self._web.session
        if session is None:
            raise ValueError("the client was made without a session")
        kind = {"content-type": "application/octet-stream"}
        try:
            async with session.request("POST", url, data=content, headers=kind) as given:
                return given.status
        except (aiohttp.ClientError, OSError) as error:
            raise from_transport(error, "upload") from error

    async def share(self, file_id: str, title: str, message: Message) -> None:
        """Put an uploaded file into a thread, with the message's (plain) text above it."""
        await self._turn(message.channel)
        await self._call(
            "files.completeUploadExternal",
            self._web.files_completeUploadExternal(
                files=[{"id": file_id, "title": title}],
                channel_id=message.channel,
                thread_ts=message.thread_ts or None,
                initial_comment=escape(message.text),
            ),
            message.channel,
        )

    async def shared(self, file_id: str, channel: str, thread_ts: str) -> bool:
        """Whether one of the newest messages there shows the file; False where it may not look."""
        try:
            messages = await self._recent(channel, thread_ts)
        except PermanentError as error:
            if error.code not in CANT_LOOK:
                raise
            return False
        return any(f.get("id") == file_id for each in messages for f in each.get("files") or ())
