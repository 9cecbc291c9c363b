"""The stand-in's people, conversations, views and files, driven by the real slack_sdk client."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import pytest_asyncio
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.practice.cast import Person
from tests.fakes.slack_stage import BASE, TOKEN, Stage, stage

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}
MODAL = {
    "type": "modal",
    "callback_id": "release_start",
    "title": {"type": "plain_text", "text": "Release"},
    "submit": {"type": "plain_text", "text": "Start"},
    "blocks": [
        {
            "type": "input",
            "block_id": "version",
            "label": {"type": "plain_text", "text": "Version"},
            "element": {"type": "plain_text_input", "action_id": "version"},
        }
    ],
}
HOME = {"type": "home", "blocks": [SECTION]}


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Stage]:
    async with stage() as built:
        yield built


async def refusal(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_direct_message_is_opened_once_and_can_be_posted_to(slack: Stage) -> None:
    opened = await slack.client.conversations_open(users="U0ADA")
    again = await slack.client.conversations_open(users=["U0ADA"])
    assert opened["channel"]["id"] == again["channel"]["id"] == "D0ADA"
    posted = await slack.client.chat_postMessage(channel="U0ADA", text="hi")
    assert posted["channel"] == "D0ADA"
    info = await slack.client.conversations_info(channel="D0ADA")
    assert (info["channel"]["is_im"], info["channel"]["user"]) == (True, "U0ADA")


@pytest.mark.parametrize(
    ("users", "error"),
    [("U0NOBODY", "user_not_found"), ("U0OLD", "user_disabled"), ("U0ADA,U0GUS", "missing_scope")],
)
async def test_a_direct_message_that_cannot_be_opened(slack: Stage, users: str, error: str) -> None:
    slack.space.people["U0OLD"] = Person("U0OLD", "old", "Old", "", "#000000", kind="deactivated")
    assert await refusal(slack.client.conversations_open(users=users)) == error


async def test_a_channel_says_whether_outsiders_share_it(slack: Stage) -> None:
    info = await slack.client.conversations_info(channel="C0CHECKOUT")
    assert info["channel"]["is_ext_shared"]
    assert info["channel"]["is_member"]
    slack.space.channels["C0CHECKOUT"].members.discard("U0EVE")
    info = await slack.client.conversations_info(channel="C0CHECKOUT")
    assert not info["channel"]["is_ext_shared"]


async def test_users_info_tells_guests_outsiders_bots_and_the_deactivated_apart(
    slack: Stage,
) -> None:
    slack.space.people["U0ALAN"].kind = "deactivated"
    users = {
        key: (await slack.client.users_info(user=key))["user"]
        for key in ("U0ADA", "U0GUS", "U0EVE", "U0BOT", "U0ALAN")
    }
    assert [k for k, user in users.items() if user["is_restricted"]] == ["U0GUS"]
    assert [k for k, user in users.items() if user["team_id"] != "T0PRACTICE"] == ["U0EVE"]
    assert users["U0EVE"]["is_stranger"] is False
    assert [k for k, user in users.items() if user["is_bot"]] == ["U0BOT"]
    assert [k for k, user in users.items() if user["deleted"]] == ["U0ALAN"]
    assert users["U0ADA"]["profile"]["email"] == "ada@example.com"


async def test_an_address_needs_its_own_scope_and_an_unknown_person_is_refused() -> None:
    async with stage(scopes=frozenset({"users:read"})) as slack:
        user = (await slack.client.users_info(user="U0ADA"))["user"]
        assert "email" not in user["profile"]
        assert await refusal(slack.client.users_info(user="U0NOBODY")) == "user_not_found"


async def test_a_user_group_lists_its_members(slack: Stage) -> None:
    answer = await slack.client.usergroups_users_list(usergroup="S0OPS")
    assert answer["users"] == ["U0GRACE"]
    call = slack.client.usergroups_users_list(usergroup="S0NONE")
    assert await refusal(call) == "no_such_subteam"


async def test_a_permalink_points_at_a_message_and_its_thread(slack: Stage) -> None:
    top = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="a")
    reply = await slack.client.chat_postMessage(channel="C0CHECKOUT", text="b", thread_ts=top["ts"])
    link = await slack.client.chat_getPermalink(channel="C0CHECKOUT", message_ts=reply["ts"])
    digits = reply["ts"].replace(".", "")
    assert link["permalink"] == f"{BASE}/archives/C0CHECKOUT/p{digits}?thread_ts={top['ts']}"
    call = slack.client.chat_getPermalink(channel="C0CHECKOUT", message_ts="1.000100")
    assert await refusal(call) == "message_not_found"


async def test_a_trigger_opens_one_view_within_three_seconds(slack: Stage) -> None:
    trigger = slack.space.new_trigger("U0ADA")
    slack.clock.advance(seconds=3)
    await slack.client.views_open(trigger_id=trigger, view=MODAL)
    again = slack.client.views_open(trigger_id=trigger, view=MODAL)
    assert await refusal(again) == "exchanged_trigger_id"
    late = slack.space.new_trigger("U0ADA")
    slack.clock.advance(seconds=3.01)
    assert (
        await refusal(slack.client.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"
    )
    unknown = slack.client.views_open(trigger_id="1.2.3", view=MODAL)
    assert await refusal(unknown) == "invalid_trigger_id"


async def test_a_view_that_is_wrong_does_not_spend_its_trigger(slack: Stage) -> None:
    trigger = slack.space.new_trigger("U0ADA")
    wrong = {**MODAL, "submit": None}
    call = slack.client.views_open(trigger_id=trigger, view=wrong)
    assert await refusal(call) == "invalid_arguments"
    await slack.client.views_open(trigger_id=trigger, view=MODAL)


async def test_no_more_than_three_modals_lie_on_each_other(slack: Stage) -> None:
    for _ in range(3):
        trigger = slack.space.new_trigger("U0ADA")
        await slack.client.views_push(trigger_id=trigger, view=MODAL)
    trigger = slack.space.new_trigger("U0ADA")
    call = slack.client.views_push(trigger_id=trigger, view=MODAL)
    assert await refusal(call) == "push_limit_reached"


async def test_a_view_update_is_refused_with_an_old_hash(slack: Stage) -> None:
    trigger = slack.space.new_trigger("U0ADA")
    view = (await slack.client.views_open(trigger_id=trigger, view=MODAL))["view"]
    await slack.client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
    stale = slack.client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
    assert await refusal(stale) == "hash_conflict"
    nowhere = slack.client.views_update(view_id="V0", view=MODAL)
    assert await refusal(nowhere) == "not_found"


async def test_an_external_id_is_unique_and_finds_its_view(slack: Stage) -> None:
    named = {**MODAL, "external_id": "r1"}
    await slack.client.views_open(trigger_id=slack.space.new_trigger("U0ADA"), view=named)
    twin = slack.client.views_open(trigger_id=slack.space.new_trigger("U0GRACE"), view=named)
    assert await refusal(twin) == "duplicate_external_id"
    await slack.client.views_update(external_id="r1", view=named)


async def test_a_home_is_published_and_published_again(slack: Stage) -> None:
    first = (await slack.client.views_publish(user_id="U0ADA", view=HOME))["view"]
    second = (await slack.client.views_publish(user_id="U0ADA", view=HOME))["view"]
    assert first["id"] == second["id"]
    assert first["hash"] != second["hash"]
    stale = slack.client.views_publish(user_id="U0ADA", view=HOME, hash=first["hash"])
    assert await refusal(stale) == "hash_conflict"
    modal = slack.client.views_publish(user_id="U0ADA", view=MODAL)
    assert await refusal(modal) == "invalid_arguments"


async def test_a_file_goes_up_in_three_steps(slack: Stage) -> None:
    answer = await slack.client.files_upload_v2(
        channel="C0CHECKOUT", content="the record", filename="record.md", title="Record"
    )
    assert answer["ok"]
    (message,) = slack.space.messages["C0CHECKOUT"]
    assert message.files[0]["title"] == "Record"
    (upload,) = slack.space.uploads.values()
    assert upload["content"] == b"the record"


async def test_a_file_that_was_never_sent_cannot_be_shared(slack: Stage) -> None:
    await slack.client.files_getUploadURLExternal(filename="a", length=3)
    (file_id,) = slack.space.uploads
    call = slack.client.files_completeUploadExternal(files=[{"id": file_id, "title": "a"}])
    assert await refusal(call) == "file_not_found"


@pytest.mark.parametrize("body", ["{oops", "[]"])
async def test_a_body_that_is_no_json_object_is_refused(slack: Stage, body: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    answer = await slack.page.post("/api/chat.postMessage", content=body, headers=headers)
    assert answer.json()["error"] in ("invalid_json", "json_not_object")


async def test_timestamps_grow_even_when_the_clock_stands_still(slack: Stage) -> None:
    stamps = [slack.space.new_ts() for _ in range(50)]
    slack.clock.advance(seconds=1)
    stamps.append(slack.space.new_ts())
    slack.clock.advance(seconds=-60)
    stamps.append(slack.space.new_ts())
    assert stamps == sorted(set(stamps))


async def test_the_session_of_the_client_can_be_closed(slack: Stage) -> None:
    await slack.session.close()
    client = AsyncWebClient(TOKEN, session=slack.session)  # type: ignore[arg-type]
    assert client.session is not None
    assert client.session.closed


async def test_a_shown_file_can_be_looked_at_and_is_shown_once(slack: Stage) -> None:
    asked = await slack.client.files_getUploadURLExternal(
        filename="a.png", length=3, alt_txt="three bytes"
    )
    assert (await slack.page.get(f"/files/{asked['file_id']}")).status_code == 404
    await slack.page.post(f"/upload/{asked['file_id']}", content=b"png")
    files = [{"id": asked["file_id"], "title": "A"}]
    await slack.client.files_completeUploadExternal(files=files, channel_id="C0CHECKOUT")
    (message,) = slack.space.messages["C0CHECKOUT"]
    assert message.files[0]["alt_txt"] == "three bytes"
    seen = await slack.page.get(f"/files/{asked['file_id']}")
    assert (seen.content, seen.headers["content-type"]) == (b"png", "image/png")
    again = slack.client.files_completeUploadExternal(files=files, channel_id="C0CHECKOUT")
    assert await refusal(again) == "file_not_found"


@pytest.mark.parametrize(
    ("length", "alt", "error"),
    [("0", "", "invalid_arguments"), ("3", "x" * 1001, "alt_txt_too_large")],
)
async def test_what_no_file_can_be_is_refused(
    slack: Stage, length: str, alt: str, error: str
) -> None:
    call = slack.client.files_getUploadURLExternal(
        filename="a", length=int(length), alt_txt=alt or None
    )
    assert await refusal(call) == error
