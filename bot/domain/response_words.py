"""The words in which plans say what to do about a breach, and who does each.

The bot counts a step as its own only where it can know that it has been done; everything else is
for a person to tick.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Moment = Literal["", "decided", "back", "drained", "preserved", "locked", "verified"]
"""When the bot has done a step of its own: see `bot.domain.response`. "": a person does it."""


Asks = Literal["", "ticket", "notice"]
"""What the bot can prepare of a step that people do, where it is configured."""

CUSTOMERS = ("customer", "user")
"""Who is told by a notice; everybody else by those who know them."""


class Word(NamedTuple):
    """alone: what the step is without a detail. text: with one, in `{detail}`.

    people: how many have to agree first to what can't be undone.
    """

    alone: str
    text: str
    moment: Moment = ""
    people: int = 0
    asks: Asks = ""


KNOWN: Mapping[str, Word] = {
    # done by the bot
    "switch_traffic": Word(
        "All traffic to the version before", "All traffic to the {detail}", "back"
    ),
    "rollback": Word("Back to the version before", "Back to the version before ({detail})", "back"),
    "reduce": Word("Less traffic for the new version", "Traffic down to {detail}", "back"),
    "stop": Word("Stop the rise", "No traffic any more: {detail}", "back"),
    "disable_flag": Word("Turn the flag off", "Turn the flag {detail} off", "back"),
    "alias": Word("Point the alias back", "Point the alias to the {detail}", "back"),
    "drain": Word("Let open requests end", "Let open requests end ({detail})", "drained"),
    "alert": Word("Call the people on duty", "Call: {detail}", "decided"),
    "page": Word("Page the people on duty", "Page: {detail}", "decided"),
    "preserve": Word("Keep what was measured", "Keep the {detail}", "preserved"),
    "lock": Word("Lock the version", "Lock the version against a {detail}", "locked"),
    "verify": Word("See that it is well", "Check: {detail}", "verified"),
    "confirm": Word("Decide it", "Agreed: {detail}", "decided"),
    # done by people
    "open": Word("Open a ticket", "Open: {detail}", asks="ticket"),
    "notify": Word("Tell those concerned", "Tell: {detail}", asks="notice"),
    "communicate": Word("Tell those concerned", "Tell: {detail}", asks="notice"),
    "post": Word("Post it", "Post in {detail}"),
    "email": Word("Write to those concerned", "Write to: {detail}"),
    "schedule": Word("Make an appointment", "Schedule: {detail}"),
    "reschedule": Word("Find a new date", "Find a new date ({detail})"),
    "investigate": Word("Find out why", "Find out why (within {detail})"),
    "analyze": Word("Look at what happened", "Look at: {detail}"),
    "assess": Word("Say how bad it is", "Say how bad it is: {detail}"),
    "decide": Word("Decide how to go on", "Decide: {detail}"),
    "options": Word("Choose what to do", "Choose one of: {detail}"),
    "execute": Word("Carry it out", "Carry out: {detail}"),
    "act": Word("Carry it out", "Carry out: {detail}"),
    "scale": Word("Add capacity", "Add capacity: {detail}"),
    "monitor": Word("Keep watching", "Keep watching: {detail}"),
    "retest": Word("Test it again", "Test it again in {detail}"),
    "fix": Word("Repair it", "Repair it in {detail}"),
    "fix_and_retest": Word("Repair it and test it again", "Repair it and test it again: {detail}"),
    "retry": Word("Try the wave again", "Try the wave {detail} again"),
    "flush": Word("Empty the caches", "Empty the {detail}", people=2),
    "restore": Word("Restore the data", "Restore the {detail}", people=2),
    "migrate_back": Word(
        "Take migrations back, only when it is needed: say whether it was",
        "Take migrations back, only when it is needed ({detail}): say whether it was",
    ),
    "redeploy": Word("Deploy the version before", "Deploy the {detail} anew"),
    "codedeploy": Word("Act in CodeDeploy", "CodeDeploy: {detail}"),
    "incident_report": Word("Write the incident report", "Write the incident report: {detail}"),
}
"""A step of a plan begins with one of these."""
