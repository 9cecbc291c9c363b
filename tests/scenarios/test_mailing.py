"""What customers get by e-mail: from the command to their mailbox, and out again by the link."""

import asyncio
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from bot.domain.notice import MAINTENANCE, Notice
from bot.domain.notice_events import Drafted
from bot.domain.notice_facts import CHART
from tests.fakes.mailbox import Mailbox, mailbox
from tests.scenarios.clock import PatientLoop
from tests.scenarios.test_notices import letters
from tests.scenarios.world import HOUSE, World

ADA, GRACE = "ada@customers.example", "grace@customers.example"
MOVED = "--start 2027-03-02 09:00 --end 2027-03-02 11:00"
DRAFT = (
    "--start 2027-03-01 09:00 --end 2027-03-01 11:00 --impact queries may fail --service checkout"
)
MAILING = """\
notices:
  from: "Acme <status@acme.example>"
  recipients: customers.csv
  url: https://bot.acme.example
"""


async def house_with_mail(world: World, folder: Path, box: Mailbox) -> None:
    """The same house, which writes to the customers in a file."""
    text = HOUSE.read_text().replace("notices:\n", MAILING)
    world.house = folder / "countersign.yml"
    world.house.write_text(text.replace("[./plans]", f"[{HOUSE.parent}/plans]"))
    (folder / "customers.csv").write_text(f"email,services\n{ADA},checkout\nken,\n")
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PatientLoop)
    loop.linger = 0.05
    world.env = (("COUNTERSIGN_SMTP_URL", box.url),)
    await world.restart()


async def published(world: World) -> None:
    """The newest message, by two people."""
    await world.click("mary", "publish_notice", seen=letters(world)[-1])
    await world.click("ada", "publish_notice", seen=letters(world)[-1])


def calendar(letter: EmailMessage) -> dict[str, str]:
    """What the attached file says of the maintenance."""
    (file,) = letter.iter_attachments()
    assert isinstance(file, EmailMessage)
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    lines = content.decode().replace("\r\n ", "").splitlines()
    return dict(line.split(":", 1) for line in lines)


@pytest.mark.thorough
async def test_customers_get_a_maintenance_and_its_move_until_they_leave(
    world: World, tmp_path: Path
) -> None:
    async with mailbox() as box:
        await house_with_mail(world, tmp_path, box)
        await world.say("mary", f"/notice subscribe <mailto:{GRACE}|{GRACE}> checkout")
        assert world.whisper("mary") == f"{GRACE} gets notices about checkout from now on."
        await world.say("mary", f"/notice maintenance the query service {DRAFT}")
        assert "Drafted" in world.whisper("mary")
        await published(world)
        (first,), (hers,) = box.to(ADA), box.to(GRACE)
        assert first["Subject"].startswith("Scheduled Maintenance - 2027-03-01 09:00 PST")
        assert "ken" in letters(world)[-1].whole  # the line that is no address is shown

        link = hers["List-Unsubscribe"].strip("<>")
        transport = httpx.ASGITransport(world.bot.web)
        async with httpx.AsyncClient(transport=transport) as anybody:
            done = await anybody.post(link, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        await world.say("mary", "/notice subscribers checkout")
        assert f"{GRACE} wants no notices about checkout, by their own link" in world.whisper(
            "mary"
        )

        await world.say("mary", f"/notice reschedule {MOVED} ")
        await world.click("mary", "notice_edit", seen=letters(world)[-1])
        await world.submit("mary", reason="a part is late")
        await published(world)
    second = box.to(ADA)[-1]
    assert len(box.to(GRACE)) == 1
    assert second["References"] == first["Message-ID"]
    before, after = calendar(first), calendar(second)
    assert before["UID"] == after["UID"]
    assert (before["DTSTART"], after["DTSTART"]) == ("20270301T170000Z", "20270302T170000Z")
    assert (before["SEQUENCE"], after["SEQUENCE"]) == ("0", "1")


async def test_only_somebody_with_a_role_sees_and_changes_who_gets_notices(world: World) -> None:
    for words in (f"subscribe {ADA}", f"unsubscribe {ADA}", "subscribers"):
        await world.say("new", f"/notice {words}")
        assert "Only somebody with a role" in world.whisper("new")
    await world.say("mary", "/notice subscribe ada@ checkout")
    assert "`ada@` is not an address" in world.whisper("mary")
    await world.say("mary", f"/notice subscribe {ADA} chekout")
    assert "did you mean 'checkout'" in world.whisper("mary")
    await world.say("mary", "/notice subscribers")
    assert world.whisper("mary").startswith("Nobody was added or has left")
    await world.say("mary", f"/notice unsubscribe {ADA}")
    assert "gets no more notices about everything" in world.whisper("mary")


@pytest.mark.thorough
async def test_the_mail_that_a_release_is_live_has_its_picture_and_so_has_its_preview(
    world: World, tmp_path: Path
) -> None:
    async with mailbox() as box:
        await house_with_mail(world, tmp_path, box)
        await world.release()
        rollout = await world.rollout()
        facts = {"title": "checkout v1.2.0", CHART: rollout.id}
        blank = Notice(
            id=rollout.id, kind=MAINTENANCE, service="checkout", channel=rollout.channel,
            owner=rollout.requested_by, facts=facts, zones=("UTC",), created_at=world.clock.now(),
        )  # fmt: skip
        drafted = Drafted(rollout.requested_by, "success", {CHART: rollout.id}, source="end")
        await world.bot.notices.draft(blank, drafted)
        await world.settle()
        card = letters(world)[-1].whole
        assert "With a picture of how the release went." in card
        link = card.partition("<https://bot.acme.example")[2].partition("|")[0]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(world.bot.web)) as anybody:
            page = await anybody.get(f"http://bot.test{link}")
        assert "data:image/png;base64,iVBOR" in page.text

        await world.click("ada", "publish_notice", seen=letters(world)[-1])
        (mail,) = box.to(ADA)
        images = [part for part in mail.walk() if part.get_content_type() == "image/png"]
        assert len(images) == 1
        raw = images[0].get_payload(decode=True)
        assert isinstance(raw, bytes)
        assert raw.startswith(b"\x89PNG")
        html = mail.get_body(("html",))
        assert html is not None
        assert f'src="cid:{images[0]["Content-ID"].strip("<>")}"' in html.get_content()
        assert "Error rate" in html.get_content()
