"""The judges of messages and views refuse what Slack would refuse, and let the rest through."""

from typing import Any

import pytest

from tests.blockkit import check_message, check_view

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "*v1.2.0* on checkout", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(**changes: Any) -> Json:
    return {"type": "button", "action_id": "approve", "text": plain("Approve")} | changes


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def confirm(**changes: Any) -> Json:
    texts = {"title": "Roll back?", "text": "checkout", "confirm": "Roll back", "deny": "Keep"}
    return {key: plain(changes.get(key, text)) for key, text in texts.items()}


def select(count: int = 2, **changes: Any) -> Json:
    options = [{"text": plain(f"v1.{n}"), "value": str(n)} for n in range(count)]
    return {"type": "static_select", "action_id": "version", "options": options} | changes


def option(**more: Any) -> Json:
    return {"text": plain("v1.2.0"), "value": "v1.2.0", **more}


def groups(count: int) -> Json:
    group = {"label": plain("releases"), "options": [option()]}
    return {"type": "static_select", "action_id": "version", "option_groups": [group] * count}


def image(**changes: Any) -> Json:
    url = "https://example.com/errors.png"
    return {"type": "image", "alt_text": "errors by minute", "image_url": url} | changes


def text_input(**more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "reason"}
    return {"type": "input", "label": plain("Why?"), "element": element, **more}


def modal(*blocks: Json, **changes: Any) -> Json:
    base: Json = {"type": "modal", "title": plain("Start a release"), "submit": plain("Start")}
    return base | {"blocks": list(blocks) or [text_input()]} | changes


def message(*blocks: Json) -> Json:
    return {"channel": "C0", "text": "v1.2.0 waits for you", "blocks": list(blocks)}


def test_a_card_with_everything_in_its_place_is_accepted() -> None:
    check_message(
        message(
            {"type": "header", "text": plain("checkout v1.2.0")},
            section(fields=[mrkdwn("*Errors*\n0.2 %")], accessory=button(action_id="details")),
            {"type": "context", "elements": [mrkdwn("wave 2 of 4")]},
            {"type": "divider"},
            actions(button(style="primary"), button(action_id="stop", confirm=confirm())),
            actions(select()),
        )
    )


def test_a_message_of_text_alone_is_accepted() -> None:
    check_message({"text": "You need a seat to sign; ask an owner."})


def test_a_modal_and_a_home_view_are_accepted() -> None:
    check_view(modal(callback_id="release_start", private_metadata="{}"))
    check_view({"type": "home", "blocks": [section()]})


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({"type": "sektion", "text": mrkdwn("x")}, r"blocks\[0\]: 'sektion' is no block"),
        ({"type": "section"}, r"blocks\[0\]: nothing to show"),
        (section(colour="red"), r"blocks\[0\]: .*'colour' was unexpected"),
        ({"type": "header", "text": mrkdwn("x")}, r"blocks\[0\]\.text\.type: 'plain_text'"),
        ({"type": "context", "elements": [button()]}, r"elements\[0\]: 'button' is not allowed"),
        (actions(button(style="green")), r"blocks\[0\]\.elements\[0\]\.style: 'green'"),
        (actions(button(text="Approve")), r"elements\[0\]\.text: 'Approve' is not of type"),
        (actions(section()), r"elements\[0\]: 'section' is not allowed here"),
        (actions(button(), button()), r"blocks\[0\]: action_id used twice: approve"),
        (actions(), r"blocks\[0\]\.elements: empty"),
        (actions(*(button(action_id=f"a{n}") for n in range(26))), r"elements: 26 over 25"),
        (actions(button(text=plain("x" * 76))), r"elements\[0\]\.text: 76 over 75"),
        (actions(button(value="x" * 2001)), r"elements\[0\]\.value: 2001 over 2000"),
        (actions(button(action_id="x" * 256)), r"action_id: 256 over 255"),
        (actions(button(accessibility_label="x" * 76)), r"accessibility_label: 76 over 75"),
        (actions(button(confirm=confirm(text="x" * 301))), r"confirm\.text: 301 over 300"),
        (actions(button(confirm=confirm(title="x" * 101))), r"confirm\.title: 101 over 100"),
        (actions(button(confirm=confirm(deny="x" * 31))), r"confirm\.deny: 31 over 30"),
        (actions(select(101)), r"options: 101 over 100"),
        (actions(select(options=[{"text": plain("x" * 76), "value": "v"}])), r"text: 76 over 75"),
        (actions(select(options=[{"text": plain("x"), "value": "v" * 151}])), r"151 over 150"),
        (section("x" * 3001), r"blocks\[0\]\.text: 3001 over 3000"),
        (section(""), r"blocks\[0\]\.text: empty"),
        (section(fields=[mrkdwn("x" * 2001)]), r"fields\[0\]: over 2000"),
        (section(fields=[mrkdwn("x")] * 11), r"fields: 11 over 10"),
        (section(block_id="x" * 256), r"block_id: 256 over 255"),
        ({"type": "header", "text": plain("x" * 151)}, r"text: 151 over 150"),
        ({"type": "context", "elements": [mrkdwn("x")] * 11}, r"elements: 11 over 10"),
        (text_input(label=plain("x" * 2001)), r"label: 2001 over 2000"),
        (text_input(hint=plain("x" * 2001)), r"hint: 2001 over 2000"),
        ({"type": "context", "elements": [mrkdwn("x" * 3001)]}, r"elements\[0\]\.text: 3001 over"),
        ({"type": "context", "elements": [plain("x" * 3001)]}, r"elements\[0\]\.text: 3001 over"),
        ({"type": "markdown", "text": "x" * 12_001}, r"text: 12001 over 12000"),
        (image(alt_text="x" * 2001), r"alt_text: 2001 over 2000"),
        (image(image_url="x" * 3001), r"image_url: 3001 over 3000"),
        (image(title=plain("x" * 2001)), r"title: 2001 over 2000"),
        (actions(button(url="x" * 3001)), r"url: 3001 over 3000"),
        (actions(button(confirm=confirm(confirm="x" * 31))), r"confirm\.confirm: 31 over 30"),
        (actions(select(placeholder=plain("x" * 151))), r"placeholder: 151 over 150"),
        (actions(select(101, type="multi_static_select")), r"options: 101 over 100"),
        (actions(select(11, type="radio_buttons")), r"options: 11 over 10"),
        (actions(select(11, type="checkboxes")), r"options: 11 over 10"),
        (actions(select(6, type="overflow")), r"options: 6 over 5"),
        (
            actions(select(options=[option(description=plain("x" * 76))])),
            r"description: 76 over 75",
        ),
        (actions(groups(101)), r"option_groups: 101 over 100"),
    ],
)
def test_a_block_that_slack_would_refuse_is_refused_by_its_path(block: Json, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        check_message(message(block))


def test_two_blocks_with_one_id_are_refused() -> None:
    with pytest.raises(AssertionError, match="block_id used twice: card"):
        check_message(message(section(block_id="card"), section(block_id="card")))


def test_one_action_id_in_two_blocks_is_accepted() -> None:
    check_message(message(actions(button()), actions(button())))


@pytest.mark.parametrize("text", [None, "", "  ", "x" * 4001])
def test_a_message_without_a_text_that_stands_alone_is_refused(text: str | None) -> None:
    with pytest.raises(AssertionError, match="text: "):
        check_message({"text": text, "blocks": [section()]})


@pytest.mark.parametrize("count", [0, 51])
def test_a_message_needs_one_to_fifty_blocks(count: int) -> None:
    with pytest.raises(AssertionError, match="blocks: "):
        check_message(message(*[{"type": "divider"}] * count))


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (modal(type="dialog"), "type: 'dialog'"),
        (modal(title=plain("x" * 25)), "title: 25 over 24"),
        (modal(submit=plain("x" * 25)), "submit: 25 over 24"),
        (modal(private_metadata="x" * 3001), "private_metadata: 3001 over 3000"),
        (modal(close=plain("x" * 25)), "close: 25 over 24"),
        (modal(external_id="x" * 256), "external_id: 256 over 255"),
        (modal(callback_id="x" * 256), "callback_id: 256 over 255"),
        (modal(footer=plain("x")), "'footer' was unexpected"),
        (modal(*[section()] * 101), "blocks: 101, at most 100"),
        (modal(*[section("x" * 2900)] * 90), "view: over 250000 bytes"),
        ({"type": "modal", "blocks": [section()]}, "'title' is a required property"),
        ({"type": "home", "blocks": [section()], "title": plain("x")}, "'title' was unexpected"),
        ({"type": "modal", "title": plain("x"), "blocks": [text_input()]}, "submit: missing"),
    ],
)
def test_a_view_that_slack_would_refuse_is_refused(view: Json, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        check_view(view)


def test_what_only_the_sdk_knows_is_asked_of_the_sdk() -> None:
    picker = {"type": "datepicker", "action_id": "day", "initial_date": "tomorrow"}
    with pytest.raises(AssertionError, match=r"slack_sdk: .*initial_date"):
        check_message(message(actions(picker)))
