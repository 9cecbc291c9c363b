"""A whole story: from a fault to what customers, the pager and the next morning make of it."""

import asyncio
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bot.domain.rollout import Phase
from tests.fakes.calling import FarSides
from tests.fakes.mailbox import Mailbox, mailbox
from tests.fakes.statuspage import KEY, PAGE, Page
from tests.scenarios.clock import PatientLoop
from tests.scenarios.reading import shown
from tests.scenarios.test_incidents import press
from tests.scenarios.test_notices import letters
from tests.scenarios.test_standups import messages
from tests.scenarios.world import HOUSE, World

CUSTOMER = "lin@customers.example"
REACHING = f"""\
notices:
  from: "Acme <status@acme.example>"
  recipients: customers.csv
  url: https://bot.acme.example
  channels: [C0STATUS]
  zones: [Europe/London, America/Los_Angeles]
  support: support@acme.example
  status_page: https://status.acme.example
  statuspage:
    page: {PAGE}
    url: http://page.test
    components: {{checkout: [Checkout]}}
standups:
  - {{channel: C0CHECKOUT, plan: answered, at: "09:00", zone: Europe/London}}
"""


async def house_that_reaches_people(
    world: World, folder: Path, box: Mailbox
) -> tuple[FarSides, Page]:
    """The house with pager and tickets, which mails customers and keeps a status page too."""
    far = FarSides()
    page = Page(asyncio.get_running_loop().time)
    page.component("c-checkout", "Checkout")
    page.component("c-search", "Search")
    world.others["calling.test"] = far.app()
    methods = ["GET", "POST", "PATCH"]
    world.others["page.test"] = Starlette(
        routes=[
            Route("/v1/pages/{page}/{what}", page.answer, methods=methods),
            Route("/v1/pages/{page}/{what}/{id}", page.answer, methods=methods),
        ]
    )
    text = HOUSE.with_name("called.yml").read_text() + REACHING
    world.house = folder / "countersign.yml"
    world.house.write_text(text.replace("[./plans]", f"[{HOUSE.parent}/plans]"))
    (folder / "customers.csv").write_text(f"email,services\n{CUSTOMER},checkout\n")
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PatientLoop)
    loop.linger = 0.05
    world.env = (
        ("COUNTERSIGN_SMTP_URL", box.url),
        ("COUNTERSIGN_STATUSPAGE_KEY", KEY),
    )
    await world.restart()
    return far, page


@pytest.mark.thorough
@pytest.mark.requirement("C-115", "P-149")
async def test_from_the_fault_to_the_next_mornings_standup(world: World, tmp_path: Path) -> None:
    async with mailbox() as box:
        far, page = await house_that_reaches_people(world, tmp_path, box)
        world.step = timedelta(seconds=5)
        await world.soaking(10, more="--plan answered")
        world.break_version("v1.2.0", 1.0)
        await world.until(Phase.ROLLED_BACK)
        await world.advance(seconds=60)
        assert world.shop.weight == 0
        assert list(far.alarms.values()) == ["triggered"]
        assert len(far.issues) == 1
        draft = letters(world)[-1]
        assert "impact" in draft.whole
        assert "publish_notice" not in draft.buttons
        await world.click("mary", "notice_edit", seen=draft)
        await world.submit("mary", impact="Orders could fail for a minute.")
        await world.click("mary", "publish_notice", seen=letters(world)[-1])
        assert "asks you to approve" in world.directs("ada")[-1]
        await world.click("ada", "publish_notice", seen=letters(world)[-1])
        await world.advance(seconds=30)
        (first,) = box.to(CUSTOMER)
        assert first["Subject"].startswith("[INVESTIGATING] Problems with checkout")
        assert "2026-11-21 12:00 GMT (Europe/London)" in plain(first)
        assert page.status("c-checkout") == "degraded_performance"
        assert page.status("c-search") == "operational"

        await press(world, "ada", "incident_ack")
        await world.say("ada", "/incident resolve v1.0.0 serves well")
        assert list(far.alarms.values()) == ["resolved"]
        over = letters(world)[-1]
        assert "root_cause" in over.whole
        await world.click("ada", "notice_edit", seen=over)
        await world.submit(
            "ada",
            root_cause="a missing index",
            scope="one order in ten",
            prevention="the index is checked before each release",
        )
        await world.click("ada", "publish_notice", seen=letters(world)[-1])
        assert "asks you to approve" in world.directs("mary")[-1]
        await world.click("mary", "publish_notice", seen=letters(world)[-1])
        await world.advance(seconds=30)
        second = box.to(CUSTOMER)[-1]
        assert second["Subject"].startswith("[RESOLVED]")
        assert second["References"] == first["Message-ID"]
        assert "a missing index" in plain(second)
        assert [each["status"] for each in page.incidents] == ["resolved"]
        assert page.status("c-checkout") == "operational"

        world.step = timedelta(minutes=20)
        await world.advance(hours=46)  # it was a Saturday
        told = shown(messages(world)[-1]).whole
        assert "Mon 23 Nov, 09:00" in told
        assert "v1.2.0 was taken back" in told
        assert "Done: v1.0.0 serves well" in told
        assert "Failed deployments: 1 of 1" in told
        assert "hold the post-mortem" in told
        assert sum("hold the post-mortem" in text for text in world.pages()) == 1


def plain(letter: EmailMessage) -> str:
    """What somebody reads whose program shows no HTML."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
