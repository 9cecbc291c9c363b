"""Slack takes both manifests, and both describe the same app."""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import schemas

ROOT = Path(__file__).resolve().parent.parent
HTTP = ROOT / "manifest.yml"
SOCKET = ROOT / "docs" / "manifest-socket.yml"
BOTH = pytest.mark.parametrize("path", [HTTP, SOCKET], ids=["http", "socket"])

# Lengths that Slack documents and its types do not hold.
NAME, DESCRIPTION, COMMAND, COMMAND_DESCRIPTION, USAGE_HINT, BOT_NAME = 35, 140, 32, 2000, 1000, 80

Json = dict[str, Any]


def read(path: Path) -> Json:
    manifest: Json = yaml.safe_load(path.read_text("utf-8"))
    return manifest


def check(manifest: Json) -> None:
    schemas.conform(manifest, "manifest", "AppManifest")
    shown = manifest["display_information"]
    assert len(shown["name"]) <= NAME, "name"
    assert len(shown["description"]) <= DESCRIPTION, "description"
    assert len(manifest["features"]["bot_user"]["display_name"]) <= BOT_NAME, "display_name"
    for command in manifest["features"]["slash_commands"]:
        check_command(command)


def check_command(command: Json) -> None:
    assert re.fullmatch(r"/[a-z0-9_-]+", command["command"]), "command"
    assert len(command["command"]) <= COMMAND, "command"
    assert len(command["description"]) <= COMMAND_DESCRIPTION, "command description"
    assert 0 < len(command["usage_hint"]) <= USAGE_HINT, "usage_hint"


def addresses(node: object) -> list[str]:
    """List every address in a manifest."""
    if isinstance(node, Mapping):
        return [address for value in node.values() for address in addresses(value)]
    if isinstance(node, list):
        return [address for value in node for address in addresses(value)]
    return [node] if isinstance(node, str) and "://" in node else []


@BOTH
def test_slack_takes_the_manifest(path: Path) -> None:
    check(read(path))


@BOTH
def test_slack_takes_it_with_every_optional_scope_switched_on_too(path: Path) -> None:
    text = path.read_text("utf-8")
    manifest: Json = yaml.safe_load(re.sub(r"(?m)^( +)# - ([a-z.:]+)", r"\1- \2", text))
    assert len(manifest["oauth_config"]["scopes"]["bot"]) > 3
    check(manifest)


@BOTH
def test_the_app_asks_for_no_more_than_it_needs(path: Path) -> None:
    scopes = read(path)["oauth_config"]["scopes"]
    assert scopes == {"bot": ["commands", "chat:write", "users:read"]}


@BOTH
def test_names_in_commands_arrive_as_ids(path: Path) -> None:
    assert all(each["should_escape"] for each in read(path)["features"]["slash_commands"])


@BOTH
def test_the_home_tab_opens_and_is_heard_of(path: Path) -> None:
    manifest = read(path)
    assert manifest["features"]["app_home"]["home_tab_enabled"]
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]


def test_every_delivery_over_http_goes_to_the_one_address_the_bot_serves() -> None:
    manifest = read(HTTP)
    places = len(manifest["features"]["slash_commands"]) + len(["interactivity", "events"])
    assert addresses(manifest) == ["https://YOUR-HOST/slack/events"] * places


def test_socket_mode_names_no_address_and_is_otherwise_the_same_app() -> None:
    http, socket = copy.deepcopy(read(HTTP)), read(SOCKET)
    assert addresses(socket) == []
    assert socket["settings"].pop("socket_mode_enabled")
    assert not http["settings"].pop("socket_mode_enabled")
    for command in http["features"]["slash_commands"]:
        del command["url"]
    del http["settings"]["interactivity"]["request_url"]
    del http["settings"]["event_subscriptions"]["request_url"]
    assert socket == http


def broken(path: str, value: object) -> Json:
    manifest = read(HTTP)
    *way, last = path.split(".")
    node: Any = manifest
    for step in way:
        node = node[int(step) if step.isdigit() else step]
    node[last] = value
    return manifest


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("display_information.name", "x" * 36, "name"),
        ("display_information.description", "x" * 141, "description"),
        ("features.slash_commands.0.command", "/" + "x" * 32, "command"),
        ("features.slash_commands.0.command", "release", "command"),
        ("features.slash_commands.0.usage_hint", "", "usage_hint"),
        ("features.slash_commands.0.hint", "x", "'hint' was unexpected"),
        ("oauth_config.scopes.bot", ["chat:wrote"], "'chat:wrote' is not one of"),
        ("settings.event_subscriptions.bot_events", ["home_opened"], "'home_opened' is not one"),
        ("setings", {}, "'setings' was unexpected"),
    ],
)
def test_a_manifest_that_slack_would_refuse_is_refused(
    path: str, value: object, reason: str
) -> None:
    with pytest.raises(AssertionError, match=reason):
        check(broken(path, value))
