"""`/notices/preview`: how a notice will look as a mail, for those who are to approve it.

The page shows the newest words of one message: the text and the HTML of the mail beside each other,
in each language. It is reached by a signed link that ends, shows nothing that is secret, changes
nothing, and carries no script; what somebody planted in a value is shown as the text that it is.
"""

import base64
from collections.abc import Awaitable, Callable
from html import escape

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.domain import preview_link
from bot.domain.addresses import Sender
from bot.domain.notice import Letter, Notice, Words
from bot.domain.secret import Secret
from bot.engine.clock import Clock
from bot.engine.notice_work import announcement
from bot.outbound import letters
from bot.ports import Illustration

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: 0; padding: 1.5rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }}
h1 {{ font-size: 1.3rem }} h2 {{ font-size: 1.1rem }}
.two {{ display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)) }}
pre {{ white-space: pre-wrap; margin: 0; font: .9rem/1.5 ui-monospace, monospace }}
pre, iframe {{ box-sizing: border-box; padding: 1rem; border: 1px solid #8889 }}
iframe {{ width: 100%; height: 46rem; padding: 0; background: #fff }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

EXAMPLE = "customer@example.com"
"""Whom the mail would be for."""

NO_LINK = "#"
"""In place of a customer's own link to unsubscribe."""

Find = Callable[[str], Awaitable[Notice | None]]
"""A notice by its id, None when there is none."""

Draw = Callable[[Notice, Letter], Awaitable[Illustration | None]]
"""The picture of a message, None where it has none."""


def preview_route(secret: Secret, clock: Clock, find: Find, draw: Draw) -> BaseRoute:
    """The route of the page. secret: from which the key of the links is made."""
    door = _Door(preview_link.key_from(secret), clock, find, draw)
    return Route(preview_link.PATH, door.answer, methods=["GET"])


class _Door:
    def __init__(self, key: bytes, clock: Clock, find: Find, draw: Draw) -> None:
        self._key = key
        self._clock = clock
        self._find = find
        self._draw = draw

    async def answer(self, request: Request) -> Response:
        found = await self._found(request.query_params.get("t", ""))
        if found is None:
            text = "This link has ended, or is not complete. `/notice show` gives a new one."
            return _page("Nothing to see", f"<p>{text}</p>", 404)
        notice, letter = found
        picture = await self._draw(notice, letter)
        body = [_head(notice, letter)]
        body += [_mail(notice, letter, words, picture) for words in letter.words]
        return _page(letter.main.subject, "\n".join(body))

    async def _found(self, token: str) -> tuple[Notice, Letter] | None:
        seen = preview_link.read(self._key, token, self._clock.now())
        notice = await self._find(seen.notice) if seen is not None else None
        if seen is None or notice is None or (letter := notice.letter(seen.number)) is None:
            return None
        return notice, letter


def _mail(notice: Notice, letter: Letter, words: Words, picture: Illustration | None) -> str:
    """One language: the two forms of the mail, beside each other."""
    said = announcement(notice, letter, words.language)
    mail = letters.Letter(
        announcement=msgspec.structs.replace(said, picture=picture),
        sender=Sender("", EXAMPLE),
        address=EXAMPLE,
        key="",
        unsubscribe=NO_LINK,
    )
    page = letters.html_of(mail, _data_of(picture))
    return (
        f"<h2>{escape(words.subject)} ({escape(words.language)})</h2>\n"
        f'<div class="two">\n<section><h3>Text</h3>\n<pre>{escape(letters.text_of(mail))}</pre>'
        f"</section>\n<section><h3>HTML</h3>\n"
        f'<iframe sandbox title="The mail as HTML" srcdoc="{escape(page)}"></iframe></section>\n'
        "</div>"
    )


def _head(notice: Notice, letter: Letter) -> str:
    """Which message it is, and whether it can still change."""
    state = letter.stage.value.replace("_", " ")
    lines = [
        f"<h1>Preview of a notice: {escape(notice.title)}</h1>",
        f"<p>Message {letter.number} of {escape(notice.id)} ({escape(state)}), text "
        f"<code>{escape(letter.digest[:8])}</code>. The card says the same code while nobody has "
        "changed the words. Nothing can be approved here.</p>",
    ]
    if letter.problems:
        wrong = "".join(f"<li>{escape(str(problem))}</li>" for problem in letter.problems)
        lines.append(f"<p>It can't go out yet:</p><ul>{wrong}</ul>")
    return "\n".join(lines)


def _data_of(picture: Illustration | None) -> str:
    if picture is None:
        return ""
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"


def _page(title: str, body: str, status: int = 200) -> Response:
    text = PAGE.format(title=escape(title), body=body)
    return HTMLResponse(text, status_code=status, headers=HEADERS)
