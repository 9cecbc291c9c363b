"""Who acts: a human being behind one or several accounts, or the bot itself."""

import msgspec

BOT = "countersign"
"""The person id under which the bot itself acts."""


class Actor(msgspec.Struct, frozen=True):
    """Somebody who asked for something.

    person: id of the human being. A person in the configuration goes by the configured id;
        anybody else by their account's id.
    roles: the roles held when asking, empty for somebody without any.
    via: where it came from: slack, cli, hook, bot.
    roles_stale: the roles are the last known ones; they count for falling traffic only.
    """

    person: str
    user_id: str = ""
    roles: tuple[str, ...] = ()
    via: str = "slack"
    roles_stale: bool = False


THE_BOT = Actor(BOT, via="bot")
