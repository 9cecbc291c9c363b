"""A mail with a picture: inside the HTML, in words beside it, and the same bytes each time."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec

from bot.domain.addresses import sender
from bot.outbound.letters import Letter, compose
from bot.ports import Illustration
from tests.outbound.announced import MAINTENANCE, NOW

PNG = bytes(range(256)) * 8
ALT = 'Error rate 0.2% of 3,000 requests & "no" <b>alarm</b>'
PICTURED = msgspec.structs.replace(MAINTENANCE, picture=Illustration("release.png", ALT, PNG))


def composed(said: object = PICTURED) -> bytes:
    letter = Letter(
        announcement=said,  # type: ignore[arg-type]
        sender=sender("Acme <status@acme.example>"),
        address="ada@example.com",
        key="k1",
    )
    return compose(letter, NOW)


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def test_the_picture_lies_inside_the_mail_beside_the_page_that_shows_it() -> None:
    letter = parsed(composed())
    assert letter.get_content_type() == "multipart/alternative"
    text, related = letter.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    page, image = related.iter_parts()
    name = image["Content-ID"].strip("<>")
    assert f'<img src="cid:{name}"' in page.get_content()
    assert image.get_content_type() == "image/png"
    assert image.get_content_disposition() == "inline"
    assert image.get_content() == PNG


def test_what_it_shows_is_told_to_those_who_see_no_pictures() -> None:
    letter = parsed(composed())
    text, related = letter.iter_parts()
    assert f"[{ALT}]" in text.get_content()
    page = next(related.iter_parts()).get_content()
    assert 'alt="Error rate 0.2% of 3,000 requests &amp; &quot;no&quot; &lt;b&gt;' in page


def test_the_same_letter_is_the_same_bytes_and_without_a_picture_has_none() -> None:
    assert composed() == composed()
    assert b"multipart/related" not in composed(MAINTENANCE)
    assert b"<img" not in composed(MAINTENANCE)
