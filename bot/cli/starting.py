"""`init`: writes a configuration to begin with, in which every part says what it is for."""

import argparse
from pathlib import Path

from bot.cli.shell import FINE, ProblemError, Shell, Verbs

BEGINNING = """\
# The configuration of Countersign. Secrets don't belong here: they come from the environment
# (SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET, ... each also as NAME_FILE).
#
# Put your own ids in place of the ones below, then ask: countersign doctor
# In Slack, the id of a channel is at the end of its details; the id of a person is in their
# profile, under "Copy member ID".
schema: 1

# Other names for the slash commands, when another app of the workspace owns these.
# commands: {release: /release, rollback: /rollback}

# Folders with plans of your own, beside this file. The built-in ones are always there:
# countersign plan list. To begin one: countersign plan show quickstart > plans/mine.yaml
# plans: [./plans]

# Where the bot speaks. Invite it to each: /invite @Countersign
channels:
  default: C0RELEASES      # the cards of services that name no channel of their own
  critical: C0CRITICAL     # what somebody has to look at now
  warning: C0WARNING       # what somebody should look at today

# One entry for each human being, with all their accounts: one person signs once.
people:
  ada:   {slack: [U0ADA]}
  grace: {slack: [U0GRACE]}
  mary:  {slack: [U0MARY]}

# Who may sign as what. Who asks for a release can't sign it, so three people are the fewest that
# a plan with two signatures works with. `groups` takes Slack user groups: {groups: [S0OPS]}.
roles:
  release_manager: {people: [mary]}
  security: {people: [ada]}
  operations: {people: [grace]}

# What is released. `/release start v1.2.0` in a service's channel means that service.
services:
  checkout:
    # channel: C0CHECKOUT
    plan: quickstart         # how: countersign plan preview quickstart
    environments:
      production:
        # Who moves the traffic: haproxy, http (a deployer of your own that speaks the documented
        # contract; needs COUNTERSIGN_DEPLOYER_SECRET) or command (a script).
        deployer:
          kind: http
          url: http://127.0.0.1:8800
        # Who tells how it goes: prometheus, or deployer (counts of the HTTP deployer itself).
        metrics:
          kind: deployer
          url: http://127.0.0.1:8800
        # For plans that ask health endpoints:
        # probe: {health: "http://127.0.0.1:8080/health", ready: "http://127.0.0.1:8080/ready"}
"""


def add(verbs: Verbs) -> None:
    """Put the verb of this module into the tree."""
    verbs.add("init", "write a commented configuration to begin with", _init)


def _init(args: argparse.Namespace, shell: Shell) -> int:
    from bot.cli.loading import config_path

    path = config_path(args, shell)
    try:
        write(path)
    except FileExistsError as error:
        raise ProblemError(f"{path} is there already, and stays as it is.") from error
    except OSError as error:
        raise ProblemError(f"{path} can't be written: {error.strerror or error}") from error
    shell.say(
        f"Wrote {path}. Put your own channels, people and services in, then: countersign doctor"
    )
    return FINE


def write(path: Path) -> None:
    """Write the beginning of a configuration. Raises FileExistsError, OSError."""
    with path.open("x", encoding="utf-8") as file:
        file.write(BEGINNING)
