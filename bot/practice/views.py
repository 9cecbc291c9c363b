"""Modals and Home tabs: the stack of three, hashes, and what is kept when a view is replaced."""

import copy

from bot.practice.blocks import checked_view, with_ids
from bot.practice.cast import Json
from bot.practice.forms import values_of
from bot.practice.workspace import SlackError, View, Workspace

STACK = 3
KEPT_FROM_THE_APP = ("submit", "close")


def open_view(space: Workspace, trigger_id: str, view: object) -> View:
    """views.open and views.push: put a modal on top for whoever the trigger belongs to.

    Raises the errors of the trigger, of the view, and `push_limit_reached`.
    """
    checked = checked_view(view, "modal")
    return push(space, space.use_trigger(trigger_id), checked)


def push(space: Workspace, person: str, view: Json) -> View:
    """Put a checked modal on top of a person's stack; raises `push_limit_reached`."""
    stack = space.modals.setdefault(person, [])
    if len(stack) >= STACK:
        raise SlackError("push_limit_reached")
    _refuse_taken_external_id(space, view, "")
    shown = View(person, _data(space, view, space.new_id("V")))
    shown.data["root_view_id"] = stack[0].data["id"] if stack else shown.data["id"]
    shown.data["previous_view_id"] = stack[-1].data["id"] if stack else None
    stack.append(shown)
    space.changed()
    return shown


def replace(space: Workspace, shown: View, view: Json) -> View:
    """Give a view new content; input that has the same ids stays."""
    _refuse_taken_external_id(space, view, shown.data["id"])
    earlier = shown.data
    shown.data = _data(space, view, earlier["id"])
    shown.data["root_view_id"] = earlier["root_view_id"]
    shown.data["previous_view_id"] = earlier["previous_view_id"]
    values = values_of(shown.data["blocks"], earlier["state"]["values"])
    shown.data["state"] = {"values": values}
    shown.errors = {}
    space.changed()
    return shown


def update_view(
    space: Workspace, view: object, *, view_id: str, external_id: str, view_hash: str
) -> View:
    """views.update; raises `not_found`, `hash_conflict` and the errors of the view."""
    shown = _find(space, view_id, external_id)
    if view_hash and view_hash != shown.data["hash"]:
        raise SlackError("hash_conflict")
    return replace(space, shown, checked_view(view, shown.data["type"]))


def publish_home(space: Workspace, user_id: str, view: object, view_hash: str) -> View:
    """views.publish; raises `user_not_found`, `hash_conflict` and the errors of the view."""
    checked = checked_view(view, "home")
    person = space.person(user_id)
    shown = space.homes.get(person.id)
    if shown is None:
        data = _data(space, checked, space.new_id("V"))
        data.update(root_view_id=data["id"], previous_view_id=None)
        shown = space.homes[person.id] = View(person.id, data)
        space.changed()
        return shown
    if view_hash and view_hash != shown.data["hash"]:
        raise SlackError("hash_conflict")
    return replace(space, shown, checked)


def all_views(space: Workspace) -> list[View]:
    """Every view that somebody has before them."""
    modals = [view for stack in space.modals.values() for view in stack]
    return [*modals, *space.homes.values()]


def close(space: Workspace, shown: View) -> None:
    """Take a modal away; what lies under it is on top again."""
    stack = space.modals.get(shown.owner, [])
    if shown in stack:
        stack.remove(shown)
        space.changed()


def clear(space: Workspace, person: str) -> None:
    """Take a person's whole stack away."""
    space.modals[person] = []
    space.changed()


def top(space: Workspace, person: str) -> View | None:
    """The modal that a person sees."""
    stack = space.modals.get(person)
    return stack[-1] if stack else None


def sent(view: View) -> Json:
    """The view as the app gets to see it."""
    return copy.deepcopy(view.data)


def _find(space: Workspace, view_id: str, external_id: str) -> View:
    for view in all_views(space):
        by_name = external_id and view.data["external_id"] == external_id
        if (view_id and view.data["id"] == view_id) or by_name:
            return view
    raise SlackError("not_found")


def _refuse_taken_external_id(space: Workspace, view: Json, own_id: str) -> None:
    wanted = view.get("external_id")
    taken = {each.data["external_id"] for each in all_views(space) if each.data["id"] != own_id}
    if wanted and wanted in taken:
        raise SlackError("duplicate_external_id")


def _data(space: Workspace, view: Json, view_id: str) -> Json:
    blocks = with_ids(view["blocks"], space.new_id)
    data: Json = {
        "id": view_id,
        "team_id": space.team_id,
        "type": view["type"],
        "blocks": blocks,
        "private_metadata": view.get("private_metadata", ""),
        "callback_id": view.get("callback_id", ""),
        "state": {"values": values_of(blocks)},
        "hash": space.new_id(f"{int(space.now().timestamp())}."),
        "title": copy.deepcopy(view.get("title")),
        "clear_on_close": view.get("clear_on_close", False),
        "notify_on_close": view.get("notify_on_close", False),
        "external_id": view.get("external_id", ""),
        "app_id": space.app_id,
        "app_installed_team_id": space.team_id,
        "bot_id": space.bot_id,
    }
    return data | {name: copy.deepcopy(view.get(name)) for name in KEPT_FROM_THE_APP}
