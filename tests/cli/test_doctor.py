"""`doctor` beside a stand-in for Slack, a practice deployer, and installations with mistakes."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.practice.workspace import ALL_SCOPES
from bot.serving import listening
from tests.cli.installation import KEY, TOKEN, Installation, installation
from tests.cli.typed import typed, typed_aside

pytestmark = pytest.mark.thorough


@dataclass
class Found:
    """What the doctor said."""

    code: int
    status: str
    findings: list[dict[str, Any]]

    def one(self, area: str, subject: str) -> Mapping[str, str]:
        """The only finding about something; subject: how it begins."""
        (finding,) = [
            f for f in self.findings if f["area"] == area and f["subject"].startswith(subject)
        ]
        return finding

    def failed(self) -> list[str]:
        return [f"{f['area']} {f['subject']}" for f in self.findings if f["status"] == "fail"]


async def asked(made: Installation) -> Found:
    """What the doctor says about an installation."""
    done = await made.typed("doctor", "--json")
    return Found(done.code, done.json["status"], done.json["findings"])


@pytest.fixture
async def sound(tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation in which nothing is wrong."""
    async with installation(tmp_path) as made:
        yield made


# -- all is well ---------------------------------------------------------------------------------


async def test_nothing_fails_in_a_sound_installation(sound: Installation) -> None:
    found = await asked(sound)
    assert found.failed() == []
    assert found.code == 0
    areas = {finding["area"] for finding in found.findings}
    expected = {"file", "secret", "database", "slack", "channel", "person", "seats", "deployer"}
    expected |= {"incidents"}
    assert areas == expected | {"metric"}


async def test_the_app_token_is_tried_too(sound: Installation) -> None:
    sound.space.app_token, sound.space.socket_url = "xapp-practice", "ws://127.0.0.1:1/link"
    sound.env |= {"SLACK_APP_TOKEN": "xapp-practice", "SLACK_SIGNING_SECRET": ""}
    found = await asked(sound)
    assert (found.code, found.one("slack", "sockets")["status"]) == (0, "ok")
    sound.env["SLACK_APP_TOKEN"] = TOKEN
    refused = (await asked(sound)).one("slack", "sockets")
    assert refused["status"] == "fail"
    assert "no app-level token" in refused["do"]


async def test_looking_changes_nothing(sound: Installation) -> None:
    before = sorted(path.name for path in sound.file.parent.iterdir())
    await asked(sound)
    assert sorted(path.name for path in sound.file.parent.iterdir()) == before
    assert sound.space.messages == {}
    reading = {"auth.test", "conversations.info", "users.info", "usergroups.users.list"}
    assert {call["method"] for call in sound.space.calls} <= reading


async def test_the_table_says_below_each_finding_what_to_do(sound: Installation) -> None:
    del sound.env["COUNTERSIGN_HOOK_TOKEN"]
    sound.space.channels["C0CHECKOUT"].members.discard("U0BOT")
    done = await sound.typed("doctor")
    lines = done.out.splitlines()
    at = next(i for i, line in enumerate(lines) if "the bot is not in #checkout" in line)
    assert lines[at].startswith("FAIL")
    assert lines[at + 1] == "      -> Type /invite @Countersign in #checkout."
    assert lines[-1].startswith("1 to fix, ")
    assert done.code == 1


async def test_every_finding_that_is_not_fine_says_what_to_do(tmp_path: Path) -> None:
    async with installation(tmp_path, frozenset({"chat:write"})) as made:
        made.env["COUNTERSIGN_DEPLOYER_SECRET"] = ""
        found = await asked(made)
    assert [f for f in found.findings if f["status"] != "ok" and not f["do"]] == []


# -- files and secrets ---------------------------------------------------------------------------


async def test_a_broken_file_does_not_hide_what_slack_says(sound: Installation) -> None:
    sound.write(("plan: quickstart", "plan: quickstrat"))
    found = await asked(sound)
    assert found.one("file", f"{sound.file}:")["do"] == "did you mean 'quickstart'?"
    assert found.one("slack", "token")["status"] == "ok"


def test_without_a_configuration_it_says_how_to_begin(tmp_path: Path) -> None:
    done = typed("doctor", "--json", "--config", tmp_path / "countersign.yml")
    assert done.code == 1
    found = Found(done.code, done.json["status"], done.json["findings"])
    assert "countersign init" in found.one("file", "")["do"]
    assert found.one("slack", "token")["status"] == "fail"


async def test_missing_secrets_are_told_with_what_is_off(sound: Installation) -> None:
    del sound.env["COUNTERSIGN_HOOK_TOKEN"], sound.env["SLACK_SIGNING_SECRET"]
    sound.env["SLACK_BOT_TOKEN"] = ""
    found = await asked(sound)
    assert found.failed() == ["secret SLACK_SIGNING_SECRET", "slack token"]
    hook = found.one("secret", "COUNTERSIGN_HOOK_TOKEN")
    assert (hook["status"], "/hooks/*" in hook["text"]) == ("warn", True)


async def test_a_missing_deployer_secret_does_not_hide_the_rest(sound: Installation) -> None:
    del sound.env["COUNTERSIGN_DEPLOYER_SECRET"]
    found = await asked(sound)
    (failed,) = found.failed()
    assert failed.startswith(f"file {sound.file}:")
    assert found.one("person", "ada")["status"] == "ok"


async def test_no_secret_is_ever_printed(sound: Installation) -> None:
    sound.env["COUNTERSIGN_DATABASE_URL"] = "postgresql+asyncpg://bot:hush@127.0.0.1:1/bot"
    for words in ((), ("--json",)):
        done = await sound.typed("doctor", *words)
        for secret in (TOKEN, KEY, "a-long-random-text", "hush"):
            assert secret not in done.out + done.err


# -- Slack ---------------------------------------------------------------------------------------


async def test_a_wrong_token_is_told_with_where_the_right_one_is(sound: Installation) -> None:
    sound.env["SLACK_BOT_TOKEN"] = "xoxb-wrong"
    token = (await asked(sound)).one("slack", "token")
    assert (token["status"], token["text"]) == ("fail", "refused: invalid_auth")
    assert "OAuth & Permissions" in token["do"]


async def test_a_slack_that_does_not_answer_is_told(sound: Installation) -> None:
    sound.space.add_fault("auth.test", "500")
    token = (await asked(sound)).one("slack", "token")
    assert token["status"] == "fail"
    assert "SLACK_API_URL" in token["do"]


async def test_a_missing_scope_is_told_with_what_does_not_work(tmp_path: Path) -> None:
    async with installation(tmp_path, ALL_SCOPES - {"commands"}) as made:
        found = await asked(made)
    assert found.failed() == ["slack commands"]
    assert "/release" in found.one("slack", "commands")["text"]
    assert "reinstall" in found.one("slack", "commands")["do"]


async def test_an_optional_scope_takes_only_its_feature_away(tmp_path: Path) -> None:
    async with installation(tmp_path, ALL_SCOPES - {"usergroups:read", "im:write"}) as made:
        found = await asked(made)
    assert found.code == 0
    assert "user groups" in found.one("slack", "usergroups:read")["text"]
    assert found.one("slack", "im:write")["status"] == "warn"


async def test_a_role_from_a_user_group_makes_the_scope_needed(tmp_path: Path) -> None:
    async with installation(tmp_path, ALL_SCOPES - {"usergroups:read"}) as made:
        made.write(("operations: {people: [grace]}", "operations: {groups: [S0OPS]}"))
        found = await asked(made)
    assert found.one("slack", "usergroups:read")["status"] == "fail"
    assert found.one("role", "operations")["status"] == "fail"


async def test_channels_that_cannot_be_looked_at_are_told_once(tmp_path: Path) -> None:
    async with installation(tmp_path, ALL_SCOPES - {"channels:read", "groups:read"}) as made:
        found = await asked(made)
    assert found.code == 0
    assert found.one("channel", "")["status"] == "warn"


async def test_a_channel_that_is_not_there_is_told_with_what_it_is_for(
    sound: Installation,
) -> None:
    sound.write(("C0CRITICAL", "C0NOWHERE"))
    channel = (await asked(sound)).one("channel", "C0NOWHERE (critical)")
    assert (channel["status"], "/invite" in channel["do"]) == ("fail", True)


async def test_an_archived_channel_and_a_shared_one_are_told(sound: Installation) -> None:
    sound.space.channels["C0CRITICAL"].is_archived = True
    sound.space.channels["C0CHECKOUT"].members.add("U0EVE")
    found = await asked(sound)
    assert found.one("channel", "C0CRITICAL")["text"] == "#critical is archived"
    assert found.one("channel", "C0CHECKOUT")["status"] == "warn"


async def test_a_public_channel_needs_no_invitation_with_the_scope_for_it(
    tmp_path: Path,
) -> None:
    async with installation(tmp_path, ALL_SCOPES | {"chat:write.public"}) as made:
        made.space.channels["C0CHECKOUT"].members.discard("U0BOT")
        assert (await asked(made)).one("channel", "C0CHECKOUT")["status"] == "ok"


# -- people --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "text"),
    [
        ("U0GUS", "guests"),
        ("U0EVE", "only members of this workspace"),
        ("U0BOT", "bots"),
        ("U0NOBODY", "user_not_found"),
    ],
)
async def test_an_account_that_cannot_sign_is_told(
    sound: Installation, account: str, text: str
) -> None:
    sound.write(("U0GRACE", account))
    found = await asked(sound)
    person = found.one("person", "grace")
    assert person["status"] == "fail"
    assert text in person["text"].lower()
    # Two people are left for two seats, and none of them could ask.
    assert found.one("seats", "quickstart, release")["status"] == "fail"


async def test_another_address_than_in_slack_is_told(sound: Installation) -> None:
    sound.write(("ada@example.com", "lovelace@example.com"))
    person = (await asked(sound)).one("person", "ada")
    assert (person["status"], "ada@example.com" in person["text"]) == ("warn", True)


async def test_what_slack_does_not_say_now_is_no_failure(sound: Installation) -> None:
    sound.space.add_fault("users.info", "500", times=1)
    found = await asked(sound)
    assert found.failed() == []
    assert [f["status"] for f in found.findings if f["area"] == "person"].count("warn") == 1


async def test_a_seat_that_nobody_can_fill_is_named(sound: Installation) -> None:
    sound.write(("plan: quickstart", "plan: both"), ("schema: 1", "schema: 1\nplans: [plans]"))
    (sound.file.parent / "plans").mkdir()
    (sound.file.parent / "plans" / "both.yaml").write_text(
        "schema: 1\nplan: both\nextends: quickstart\n"
        "approvals: {production: {all_of: [security, operations], any: 0}}\n"
    )
    found = await asked(sound)
    seats = found.one("seats", "both, release")
    assert (seats["status"], seats["text"]) == (
        "warn",
        "can't be signed when asked for by ada, grace",
    )
    sound.write(("[U0GRACE]", "[U0GUS]"))
    seats = (await asked(sound)).one("seats", "both, release")
    assert (seats["status"], seats["text"]) == ("fail", "nobody is left for operations")


async def test_members_of_a_user_group_fill_seats(sound: Installation) -> None:
    sound.write(
        ("operations: {people: [grace]}", "operations: {groups: [S0OPS]}"),
        ("  grace: {slack: [U0GRACE]}\n", ""),
    )
    found = await asked(sound)
    assert found.one("role", "operations")["text"] == "1 in the user group"
    assert found.one("seats", "quickstart, release")["status"] == "ok"
    sound.space.groups["S0OPS"] = ["U0GUS"]
    assert (await asked(sound)).one("seats", "quickstart, release")["status"] == "fail"


# -- what is released ----------------------------------------------------------------------------


async def test_a_deployer_that_does_not_answer_is_told(sound: Installation) -> None:
    with listening("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
    base = sound.env["SLACK_API_URL"].removesuffix("/api")
    sound.write(
        (f'{{kind: http, url: "{base}"}}', f'{{kind: http, url: "http://127.0.0.1:{port}"}}')
    )
    found = await asked(sound)
    assert found.failed() == ["deployer checkout production"]
    assert found.one("deployer", "checkout")["text"].startswith("does not answer")


async def test_a_deployer_that_refuses_the_secret_is_told(sound: Installation) -> None:
    sound.env["COUNTERSIGN_DEPLOYER_SECRET"] = "another"
    found = await asked(sound)
    told = found.one("deployer", "checkout production")
    assert told["status"] == "fail"
    assert "COUNTERSIGN_DEPLOYER_SECRET" in told["do"]
    assert found.one("metric", "checkout production error_rate")["status"] != "ok"


def prometheus_instead(made: Installation, more: str = "") -> None:
    """Read the metrics from a Prometheus that is not there. more: options."""
    with listening("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
    base = made.env["SLACK_API_URL"].removesuffix("/api")
    url = f"http://127.0.0.1:{port}"
    made.write((f'{{kind: deployer, url: "{base}"}}', f'{{kind: prometheus, url: "{url}"{more}}}'))


async def test_a_metric_that_is_unknown_is_told_with_why(sound: Installation) -> None:
    define = "{error_rate: {kind: ratio, bad: 'bad{$track}', total: 'all{$track}'}}"
    tracks = "{canary: 'v=\"{candidate}\"', baseline: 'v=\"{current}\"'}"
    prometheus_instead(sound, f", tracks: {tracks}, define: {define}")
    found = await asked(sound)
    metric = found.one("metric", "checkout production error_rate")
    assert (found.code, metric["status"]) == (0, "warn")
    assert metric["text"].startswith("unknown: ")


async def test_a_metric_that_can_never_be_read_is_a_failure(sound: Installation) -> None:
    prometheus_instead(sound)
    metric = (await asked(sound)).one("metric", "checkout production error_rate")
    assert metric["status"] == "fail"
    assert "$track" in metric["text"]
    assert "define" in metric["do"]


# -- the database --------------------------------------------------------------------------------


async def test_a_gate_that_the_traffic_can_not_settle_is_a_warning(sound: Installation) -> None:
    sound.write(("plan: quickstart", "plan: quickstart\n    traffic: 1/min"))
    done = await sound.typed("doctor", "--json")
    plans = [found for found in done.json["findings"] if found["area"] == "plan"]
    assert done.code == 0
    assert {found["status"] for found in plans} == {"warn"}
    assert all("error_rate < 1%: it takes about" in found["text"] for found in plans)
    sound.write(("traffic: 1/min", "traffic: 9000/s"))
    done = await sound.typed("doctor", "--json")
    assert "its gates can be settled at 9000/s" in done.out


async def test_a_database_of_before_is_told_and_a_present_one_is_fine(
    sound: Installation,
) -> None:
    url = sound.env["COUNTERSIGN_DATABASE_URL"]
    assert "not there yet" in (await asked(sound)).one("database", url)["text"]
    (sound.file.parent / "bot.db").touch()
    old = (await asked(sound)).one("database", url)
    assert (old["status"], "countersign db upgrade" in old["do"]) == ("warn", True)
    await typed_aside("db", "upgrade", env=sound.env)
    assert (await asked(sound)).one("database", url)["text"].startswith("at revision")


async def test_a_database_that_cannot_be_reached_is_told(sound: Installation) -> None:
    sound.env["COUNTERSIGN_DATABASE_URL"] = "postgresql+asyncpg://bot@127.0.0.1:1/bot"
    assert (await asked(sound)).failed() == ["database postgresql+asyncpg://bot@127.0.0.1:1/bot"]
    sound.env["COUNTERSIGN_DATABASE_URL"] = "sqlite+aiosqlite:////nowhere/bot.db"
    assert (await asked(sound)).failed() == ["database sqlite+aiosqlite:////nowhere/bot.db"]


# -- notices -------------------------------------------------------------------------------------


async def test_the_way_of_mails_is_tried_to_the_last_line_of_the_file(sound: Installation) -> None:
    folder = sound.file.parent
    (folder / "customers.csv").write_text("email,services\nada@example.com,chekout\n")
    how = "{from: s@acme.example, recipients: customers.csv, url: https://bot.example.com}"
    sound.write(("schema: 1\n", f"schema: 1\nnotices: {how}\n"))
    assert (await asked(sound)).one("notices", "email")["status"] == "warn"
    sound.env["COUNTERSIGN_SMTP_URL"] = "smtp://127.0.0.1:1"
    found = await asked(sound)
    assert found.failed() == ["notices email, 127.0.0.1:1"]
    line = found.one("notices", f"email, {folder}/customers.csv:2")
    assert line["text"] == "there is no service 'chekout' (did you mean 'checkout'?)"
