"""The page of the practice workspace, driven in Chromium the way people use it."""

import re
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from bot.slack.checklists import checklist_form
from tests.browser.stage import Json, Stage, button, mrkdwn, plain, served
from tests.domain.builders import step
from tests.fakes.preparing import prepared, tick

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

MARY, ADA = "U0MARY", "U0ADA"
CARD = "Message from Countersign"


class Watched:
    """What the page asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                self.complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )


@pytest_asyncio.fixture(loop_scope="module")
async def stage() -> Stage:
    return Stage()


@pytest_asyncio.fixture(loop_scope="module")
async def address(stage: Stage) -> AsyncIterator[str]:
    async with served(stage) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def seen(page: Page, address: str) -> AsyncIterator[Watched]:
    """The page, opened, as Mary; it must not have complained by the end."""
    watched = Watched(page)
    await page.goto(address)
    await expect(page.get_by_role("button", name=re.compile("^Mary"))).to_be_visible()
    yield watched
    assert watched.complaints == []
    assert {urlsplit(url).hostname for url in watched.requests} == {"127.0.0.1"}


async def act_as(page: Page, name: str) -> None:
    await page.locator(f'[data-person="{name}"]').click()


async def release(stage: Stage) -> str:
    stage.version = "v1.2.0"
    return await stage.post("Release of checkout v1.2.0", stage.card())


def start_modal(**more: object) -> Json:
    version = {"type": "plain_text_input", "action_id": "version", "initial_value": "v9"}
    options = [{"text": plain(text), "value": text} for text in ("quickstart", "careful")]
    plan = {"type": "static_select", "action_id": "plan", "options": options}
    days = {"type": "checkboxes", "action_id": "to", "options": options}
    return {
        "id": "V0START",
        "hash": "1",
        "type": "modal",
        "callback_id": "release_start",
        "title": plain("Start a release"),
        "submit": plain("Start"),
        "close": plain("Cancel"),
        "errors": {},
        "blocks": [
            {"type": "input", "block_id": "v", "label": plain("Version"), "element": version},
            {"type": "input", "block_id": "p", "label": plain("Plan"), "element": plan},
            {
                "type": "input",
                "block_id": "t",
                "label": plain("Tell"),
                "optional": True,
                "element": days,
            },
        ],
    } | more


@pytest.mark.usefixtures("seen")
async def test_a_card_shows_its_blocks_as_text_and_controls(page: Page, stage: Stage) -> None:
    await release(stage)
    card = page.get_by_role("article", name=CARD)
    await expect(card.get_by_role("heading", name="checkout v1.2.0 → production")).to_be_visible()
    await expect(card.locator("strong", has_text="Requested by")).to_be_visible()
    await expect(card.get_by_text("@mary")).to_be_visible()
    await expect(card.get_by_text("#checkout")).to_be_visible()
    await expect(card.locator("code")).to_have_text("9f2c")
    await expect(card.locator("time").nth(1)).to_contain_text("2025")
    await expect(card.get_by_text("🔒 Nobody has signed")).to_be_visible()


@pytest.mark.usefixtures("seen")
async def test_text_of_a_message_is_never_taken_for_html(page: Page, stage: Stage) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    await stage.post(
        f"&lt;b&gt; {nasty} <javascript:alert(1)|harmless>",
        [
            {
                "type": "section",
                "text": mrkdwn(f"&lt;i&gt;no&lt;/i&gt; <javascript:1|harmless> {nasty}"),
            },
            {"type": "section", "text": plain("<script>no</script>")},
        ],
    )
    card = page.get_by_role("article", name=CARD)
    await expect(card.get_by_text("<script>no</script>")).to_be_visible()
    await expect(card.get_by_text("<i>no</i>")).to_be_visible()
    assert await card.locator("a, script, i, .blocks img").count() == 0


@pytest.mark.usefixtures("seen")
async def test_a_click_is_sent_once_for_the_person_who_clicked(page: Page, stage: Stage) -> None:
    ts = await release(stage)
    await act_as(page, "ada")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_text("Approved by @ada")).to_be_visible()
    assert stage.posts == [
        (
            "click",
            {
                "person": ADA,
                "channel": "C0CHECKOUT",
                "ts": ts,
                "action_id": "approve",
                "value": "x7",
            },
        )
    ]


@pytest.mark.usefixtures("seen")
async def test_the_menu_of_a_message_is_opened_and_chosen_from_by_keyboard(
    page: Page, stage: Stage
) -> None:
    stage.state["shortcuts"] = [{"callback_id": "incident_from_message", "name": "Declare it"}]
    ts = await stage.post("orders get lost", user=ADA)
    await act_as(page, "ada")
    await expect(page.get_by_text("orders get lost", exact=True)).to_be_visible()
    menu = page.get_by_label("Actions for the message from ada")
    await menu.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Declare it")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Declare it")).to_be_hidden()
    await expect(menu).to_be_focused()
    place = {"channel": "C0CHECKOUT", "ts": ts, "callback_id": "incident_from_message"}
    assert stage.posts == [("shortcut", {"person": ADA, **place})]


@pytest.mark.usefixtures("seen")
async def test_a_card_is_edited_in_place_and_says_so(page: Page, stage: Stage) -> None:
    ts = await release(stage)
    await expect(page.get_by_text("Waiting for signatures")).to_be_visible()
    await stage.edit(ts, stage.card("Wave 1 of 4"))
    await expect(page.get_by_text("Wave 1 of 4")).to_be_visible()
    await expect(page.get_by_role("article")).to_have_count(1)
    await expect(page.get_by_text("edited", exact=True)).to_be_visible()


@pytest.mark.usefixtures("seen")
async def test_focus_does_not_slide_to_another_button_when_a_card_changes(
    page: Page, stage: Stage
) -> None:
    ts = await release(stage)
    await page.get_by_role("button", name="Reject").focus()
    await stage.edit(ts, stage.card("Wave 1 of 4"))
    await expect(page.get_by_text("Wave 1 of 4")).to_be_visible()
    await expect(page.get_by_role("button", name="Reject")).to_be_focused()
    without = [block for block in stage.card("Done") if block["type"] != "actions"]
    await stage.edit(ts, [*without, {"type": "actions", "elements": [button("pause", "Pause")]}])
    await expect(page.get_by_role("article", name=CARD)).to_be_focused()


@pytest.mark.usefixtures("seen")
async def test_a_dangerous_button_is_sent_only_after_it_was_confirmed(
    page: Page, stage: Stage
) -> None:
    await release(stage)
    danger = page.get_by_role("button", name="Roll back")
    dialog = page.get_by_role("dialog", name="Roll back checkout?")
    await danger.click()
    await expect(dialog).to_contain_text("v1.2.0 leaves production at once.")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(danger).to_be_focused()
    await danger.click()
    await dialog.get_by_role("button", name="Keep going").click()
    await expect(dialog).to_be_hidden()
    assert stage.posts == []
    await danger.click()
    await dialog.get_by_role("button", name="Roll back").click()
    await expect(page.get_by_text("answered in 12 ms")).to_be_visible()
    assert [body["action_id"] for _, body in stage.posts] == ["rollback"]


@pytest.mark.usefixtures("seen")
async def test_a_press_is_not_lost_when_the_button_is_redrawn_under_it(
    page: Page, stage: Stage
) -> None:
    ts = await release(stage)
    await page.get_by_role("button", name="Reject").hover()
    await page.mouse.down()
    await stage.edit(ts, stage.card("Wave 1 of 4"))
    await stage.post("Something else happened")
    await expect(page.locator("#live")).to_contain_text("Something else happened")
    await page.mouse.up()
    await expect(page.get_by_text("Wave 1 of 4")).to_be_visible()
    await expect(page.get_by_text("answered in 12 ms")).to_be_visible()
    assert [body["action_id"] for _, body in stage.posts] == ["reject"]


@pytest.mark.usefixtures("seen")
async def test_a_choice_of_a_menu_is_sent_with_its_value(page: Page, stage: Stage) -> None:
    await release(stage)
    await page.get_by_label("More actions").click()
    await page.get_by_role("button", name="Show the plan").click()
    await expect(page.get_by_text("answered in 12 ms")).to_be_visible()
    assert stage.posts[0][1]["selected_option"] == "plan"


@pytest.mark.usefixtures("seen")
async def test_an_ephemeral_is_shown_to_its_person_alone(page: Page, stage: Stage) -> None:
    await stage.whisper(ADA, "You can't sign twice.")
    await expect(page.get_by_role("button", name="Ada").get_by_text("waiting")).to_be_attached()
    await expect(page.get_by_text("You can't sign twice.")).to_have_count(0)
    await act_as(page, "ada")
    note = page.get_by_role("article").filter(has_text="You can't sign twice.")
    await expect(note.get_by_text("Only visible to you")).to_be_visible()
    await act_as(page, "grace")
    await expect(note).to_have_count(0)


@pytest.mark.usefixtures("seen")
async def test_direct_messages_belong_to_one_person_and_permalinks_lead_to_the_card(
    page: Page, stage: Stage, address: str
) -> None:
    ts = await release(stage)
    link = f"{address}/archives/C0CHECKOUT/p{ts.replace('.', '')}"
    await stage.post(f"Please sign <{link}|v1.2.0>", channel="D0ADA")
    await expect(page.get_by_role("button", name="Messages")).to_have_count(0)
    await act_as(page, "ada")
    await page.get_by_role("button", name=re.compile("^Messages")).click()
    await page.get_by_role("link", name="v1.2.0").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("#checkout")
    await expect(page.get_by_role("article", name=CARD)).to_be_focused()


@pytest.mark.usefixtures("seen")
async def test_a_link_button_leads_to_the_card_and_the_bot_hears_of_it(
    page: Page, stage: Stage, address: str
) -> None:
    ts = await release(stage)
    url = f"{address}/archives/C0CHECKOUT/p{ts.replace('.', '')}"
    row = {"type": "actions", "elements": [button("open_card", "Open the card", url=url)]}
    await stage.post("Please sign", [row], channel="C0RELEASES")
    await page.locator('[data-place="C0RELEASES"]').click()
    await page.get_by_role("link", name="Open the card").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("#checkout")
    await expect(page.get_by_text("answered in 12 ms")).to_be_visible()
    assert stage.posts[0][1]["channel"] == "C0RELEASES"


@pytest.mark.usefixtures("seen")
async def test_a_thread_opens_beside_the_channel_and_closes_with_escape(
    page: Page, stage: Stage
) -> None:
    ts = await release(stage)
    await stage.post("Wave 1 confirmed", thread_ts=ts)
    await page.get_by_role("button", name="1 reply in the thread").click()
    thread = page.get_by_role("complementary", name=re.compile("^Thread"))
    await expect(thread.get_by_text("Wave 1 confirmed")).to_be_visible()
    await expect(page.locator("#messages").get_by_text("Wave 1 confirmed")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(thread).to_be_hidden()


@pytest.mark.usefixtures("seen")
async def test_a_release_is_started_with_the_keyboard_alone(page: Page, stage: Stage) -> None:
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.type("/rel")
    await expect(page.get_by_role("option", selected=True)).to_contain_text("/release")
    await page.keyboard.press("Tab")
    await page.keyboard.type("start v1.2.0")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("article", name=CARD)).to_be_visible()
    assert stage.posts == [
        ("say", {"person": MARY, "channel": "C0CHECKOUT", "text": "/release start v1.2.0"})
    ]
    for _ in range(40):
        await page.keyboard.press("Shift+Tab")
        if await page.evaluate("document.activeElement.dataset.action === 'approve'"):
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Approved by @mary")).to_be_visible()


@pytest.mark.usefixtures("seen")
async def test_completion_is_driven_by_arrows_and_left_by_escape(page: Page, stage: Stage) -> None:
    line = page.get_by_role("combobox")
    await line.fill("/r")
    await expect(page.get_by_role("option")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("option", selected=True)).to_contain_text("/rollback")
    await page.keyboard.press("Enter")
    await expect(line).to_have_value("/rollback ")
    await line.fill("/st")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("option")).to_have_count(0)
    assert stage.posts == []


@pytest.mark.usefixtures("seen")
async def test_errors_of_a_modal_stand_beside_their_fields(page: Page, stage: Stage) -> None:
    view = start_modal()
    await stage.open_modal(MARY, view)
    dialog = page.get_by_role("dialog", name="Start a release")
    await dialog.get_by_role("button", name="Start").click()
    plan = dialog.get_by_label("Plan")
    await expect(plan).to_have_accessible_description("Please complete this required field.")
    assert stage.posts == []
    await plan.select_option("careful")
    await dialog.get_by_label("quickstart").check()
    await dialog.get_by_role("button", name="Start").click()
    await expect(page.get_by_text("answered in 12 ms")).to_be_attached()
    sent = {"v": {"version": "v9"}, "p": {"plan": "careful"}, "t": {"to": ["quickstart"]}}
    assert stage.posts == [("submit", {"person": MARY, "values": sent})]
    view["errors"] = {"v": "v9 is not known"}
    await stage.bump()
    version = dialog.get_by_label("Version")
    await expect(version).to_have_accessible_description("v9 is not known")
    await expect(version).to_be_focused()
    await expect(plan).to_have_value("careful")


@pytest.mark.usefixtures("seen")
async def test_items_of_a_checklist_are_ticked_in_its_dialog(page: Page, stage: Stage) -> None:
    ticked = step(prepared(), tick("code/scan", evidence="scan.test/7"))
    view = {"id": "V0LIST", "hash": "1", "errors": {}} | checklist_form(ticked, {})
    await stage.open_modal(MARY, view)
    dialog = page.get_by_role("dialog", name="Checklist")
    await expect(dialog.get_by_label("The scan is clean")).to_be_checked()
    await expect(dialog.get_by_text("ada, 21 Nov 10:00 UTC: scan.test/7")).to_be_visible()
    await dialog.get_by_label("The tests pass").check()
    await dialog.get_by_label("What it rests on").fill("ci.test/9")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("answered in 12 ms")).to_be_attached()
    ((what, sent),) = stage.posts
    assert what == "submit"
    assert sent["values"]["code#0"] == {"tick_item": ["code/tests", "code/scan"]}
    assert sent["values"]["evidence"] == {"evidence": "ci.test/9"}


@pytest.mark.usefixtures("seen")
async def test_a_modal_keeps_what_was_typed_when_the_bot_updates_it(
    page: Page, stage: Stage
) -> None:
    view = start_modal()
    await stage.open_modal(MARY, view)
    version = page.get_by_role("dialog").get_by_label("Version")
    await version.fill("v1.3.0")
    view["title"] = plain("Start another one")
    await stage.bump()
    await expect(page.get_by_role("dialog", name="Start another one")).to_be_visible()
    await expect(version).to_have_value("v1.3.0")
    await expect(version).to_be_focused()


@pytest.mark.usefixtures("seen")
async def test_a_modal_is_its_persons_own_and_escape_closes_it(page: Page, stage: Stage) -> None:
    await stage.open_modal(ADA, start_modal())
    await expect(page.get_by_role("button", name="Ada").get_by_text("waiting")).to_be_attached()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await act_as(page, "ada")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert stage.posts == [("close", {"person": ADA})]


@pytest.mark.usefixtures("seen")
async def test_tab_stays_inside_an_open_dialog(page: Page, stage: Stage) -> None:
    await stage.open_modal(MARY, start_modal())
    await expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(12):
        await page.keyboard.press("Tab")
        inside = "document.activeElement === document.body || "
        inside += "document.getElementById('modal').contains(document.activeElement)"
        assert await page.evaluate(inside)


@pytest.mark.usefixtures("seen")
async def test_home_is_opened_for_the_person_and_its_buttons_name_the_view(
    page: Page, stage: Stage
) -> None:
    row = {"type": "actions", "block_id": "a", "elements": [button("tick_item", "Yes")]}
    stage.state["homes"][MARY] = {"id": "V0HOME", "type": "home", "blocks": [row]}
    await stage.bump()
    await page.locator('[data-place="home"]').click()
    await page.get_by_role("button", name="Yes").click()
    await expect(page.get_by_text("answered in 12 ms")).to_be_attached()
    assert stage.posts[0] == ("open_home", {"person": MARY})
    assert stage.posts[1][1]["view_id"] == "V0HOME"


@pytest.mark.usefixtures("seen")
async def test_a_bot_that_did_not_answer_is_told_in_a_toast(page: Page, stage: Stage) -> None:
    hint = "the bot did not answer within 3 s"
    stage.answers["say"] = {"ok": False, "error": "operation_timeout", "hint": hint}
    await page.get_by_role("combobox").fill("/release status")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text(hint)
    await page.get_by_role("button", name="Dismiss", exact=True).click()
    await expect(page.get_by_text(hint)).to_have_count(0)


@pytest.mark.usefixtures("seen")
async def test_new_messages_are_announced_and_old_ones_are_not(page: Page, stage: Stage) -> None:
    await stage.post("The *first* wave begins")
    await expect(page.locator("#live")).to_have_text("Countersign: The first wave begins")
    await page.reload()
    await expect(page.get_by_role("article")).to_have_count(1)
    await expect(page.locator("#live")).to_be_empty()


@pytest.mark.usefixtures("seen")
async def test_a_version_is_broken_and_healed_by_its_switch(page: Page, stage: Stage) -> None:
    switch = page.get_by_role("switch", name="Break v1.3.0")
    await switch.focus()
    await page.keyboard.press("Enter")
    await expect(switch).to_be_checked()
    await expect(switch).to_be_focused()
    await page.keyboard.press("Space")
    await expect(switch).not_to_be_checked()
    rates = [(body["version"], body["error_rate"]) for _, body in stage.posts]
    assert rates == [("v1.3.0", 0.3), ("v1.3.0", 0)]


@pytest.mark.usefixtures("seen")
async def test_the_chart_says_in_words_what_it_draws(page: Page, stage: Stage) -> None:
    for row in stage.shop["series"]:
        row.update(weight=25.0, candidate={"requests": 10, "errors": 2, "p95_ms": 20})
    stage.shop["current"]["weight"] = 75
    stage.shop["candidate"] = {"version": "v1.2.0", "weight": 25, "ready": True}
    chart = page.get_by_role("img", name=re.compile("v1.2.0 serves 25 % with 20.0 % errors"))
    await expect(chart).to_be_visible()
    drawn = await chart.locator(".line.candidate").get_attribute("d")
    assert drawn is not None
    assert drawn.startswith("M")


@pytest.mark.usefixtures("seen")
async def test_the_guide_does_its_steps_and_ticks_them_by_the_state(
    page: Page, stage: Stage
) -> None:
    await page.get_by_role("button", name="Do it for me: Ask for a release").click()
    await page.get_by_role("button", name="Do it for me: Ada signs").click()
    await page.get_by_role("button", name="Do it for me: Grace signs").click()
    await expect(page.get_by_text("3 of 5 done")).to_be_visible()
    who = [(action, body["person"]) for action, body in stage.posts]
    assert who == [("say", MARY), ("click", ADA), ("click", "U0GRACE")]
    stage.shop["candidate"] = {"version": "v1.2.0", "weight": 25, "ready": True}
    await expect(page.locator(".waves .reached")).to_have_count(2)
    stage.shop["current"]["version"], stage.shop["candidate"] = "v1.2.0", None
    await expect(page.get_by_text("4 of 5 done")).to_be_visible()


@pytest.mark.usefixtures("seen")
async def test_the_last_step_is_done_when_the_broken_version_went_back(
    page: Page, stage: Stage
) -> None:
    stage.shop["current"]["version"] = "v1.2.0"
    await expect(page.get_by_text("4 of 5 done")).to_be_visible()
    stage.shop["candidate"] = {"version": "v1.3.0", "weight": 5, "ready": True}
    stage.shop["faults"]["v1.3.0"] = {"error_rate": 0.3}
    await expect(page.get_by_text("Watch the traffic go back by itself.")).to_be_visible()
    stage.shop["candidate"] = None
    await expect(page.get_by_text("all done")).to_be_visible()


@pytest.mark.usefixtures("seen")
async def test_a_dismissed_guide_stays_away_and_can_be_called_back(page: Page) -> None:
    await page.get_by_role("button", name="Dismiss the guide").click()
    await page.reload()
    await expect(page.get_by_role("button", name=re.compile("^Mary"))).to_be_visible()
    await expect(page.locator("#guide")).to_be_hidden()
    await page.get_by_role("button", name="Guide", exact=True).click()
    await expect(page.locator("#guide")).to_be_visible()


async def test_the_page_says_when_the_server_is_away_and_goes_on_when_it_is_back(
    page: Page, stage: Stage
) -> None:
    async with served(stage) as url:
        await page.goto(url)
        for text in ("one", "two", "three"):
            await stage.post(text)
        await expect(page.get_by_role("article")).to_have_count(3)
    port = urlsplit(url).port
    assert port is not None
    await expect(page.get_by_text("Reconnecting")).to_be_visible()
    restarted = Stage()
    async with served(restarted, port):
        await expect(page.get_by_text("Reconnecting")).to_be_hidden()
        await restarted.post("Back again")
        await expect(page.get_by_role("article").get_by_text("Back again")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 720, 1024])
async def test_no_width_scrolls_sideways(
    page: Page, stage: Stage, address: str, width: int
) -> None:
    await release(stage)
    await stage.post("`" + "unbroken" * 40 + "`")
    await page.set_viewport_size({"width": width, "height": 844})
    await page.goto(address)
    await expect(page.get_by_role("article")).to_have_count(2)
    panels = await page.locator("#tabs button:visible").all()
    assert len(panels) == (3 if width <= 720 else 0)
    for tab in [None, *panels]:
        if tab is not None:
            await tab.click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate(
            "['timeline', 'shop-body'].map((id) => document.getElementById(id))"
            ".every((panel) => panel.scrollWidth <= panel.clientWidth)"
        )


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => color.slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return rgb('Canvas');
  };
  const poor = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    const drawn = node.closest('svg, noscript, .hush') === null && node.checkVisibility();
    if (!own || !drawn) continue;
    const [one, other] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) poor.push(`${node.className || node.tagName}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_its_ground(
    page: Page, stage: Stage, address: str, scheme: Literal["light", "dark"]
) -> None:
    stage.shop["candidate"] = {"version": "v1.2.0", "weight": 5, "ready": True}
    stage.shop["faults"]["v1.2.0"] = {"error_rate": 0.3}
    for row in stage.shop["series"]:
        row.update(candidate={"requests": 10, "errors": 2, "p95_ms": 20})
    await release(stage)
    await stage.whisper(MARY, "Only `you` see <https://example.com|this>")
    await page.emulate_media(color_scheme=scheme)
    await page.goto(address)
    await expect(page.get_by_text("20.0 % errors").first).to_be_visible()
    await page.locator("#composer-text").fill("/r")
    assert await page.evaluate(CONTRAST) == []
    await stage.open_modal(MARY, start_modal(errors={"v": "v9 is not known"}))
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await page.evaluate(CONTRAST) == []
