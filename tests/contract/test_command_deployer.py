"""Commands: how they are called, what their exit codes mean, and that none outlives its time."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.deployers.command import CommandDeployer, CommandDeployerOptions
from bot.deployers.process import CommandOptions, fill, run
from bot.domain.audience import Routing
from bot.ports import Op, PermanentError, Release, StaleOpError, TemporaryError
from tests.contract.worlds import TARGET, options_of

NEW = Release("v1.1.0", "sha256:aa")
MINUTE = timedelta(minutes=1)


def shell(script: str, *rest: str, timeout: str | None = None) -> CommandOptions:
    return CommandOptions(command=("sh", "-c", script, "sh", *rest), timeout=timeout)


def observing(**said: object) -> CommandOptions:
    return CommandOptions(command=("printf", "%s", json.dumps(said)))


SEEN = observing(
    seq=1,
    current={"version": "v1.0.0", "weight": 95, "ready": True},
    candidate={"version": "v1.1.0", "weight": 5, "ready": True},
)


def deployer(**commands: CommandOptions) -> CommandDeployer:
    fine = CommandOptions(command=("true",))
    return CommandDeployer(
        CommandDeployerOptions(
            **({"observe": SEEN, "prepare": fine, "rollback": fine, "shift": fine} | commands)
        )
    )


async def test_a_command_gets_its_arguments_by_name_and_no_shell_reads_them(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    names = ("service", "environment", "version", "artifact", "weight", "instances", "key", "seq")
    said = shell(
        'printf "%s|" "$@" "$COUNTERSIGN_KEY" "$COUNTERSIGN_SEQ" > ' + str(log),
        *(f"{{{name}}}" for name in names),
        "$(touch pwned); `id`",
    )
    await deployer(shift=said).shift(TARGET, NEW, 5, Op("k;1", 1), instances=3)
    assert log.read_text() == (
        "checkout|production|v1.1.0|sha256:aa|5|3|k;1|1|$(touch pwned); `id`|k;1|1|"
    )


@pytest.mark.requirement("X-17", "B-026")
async def test_audience_and_flag_are_arguments_and_the_audience_is_read_back(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    routed = shell(f'printf "%s|" "$@" > {log}', "{audience}", "{flag}", "{sticky}")
    op = Op("k", 1, routing=Routing("beta group", "new-shop", "user"))
    with pytest.raises(TemporaryError, match="5 % of everybody instead of beta group"):
        await deployer(shift=routed).shift(TARGET, NEW, 5, op)
    assert log.read_text() == "beta group|new-shop|user|"
    beta = observing(
        seq=1,
        current={"version": "v1.0.0", "weight": 95, "ready": True},
        candidate={"version": "v1.1.0", "weight": 5, "ready": True, "audience": "beta group"},
    )
    seen = await deployer(shift=routed, observe=beta).shift(TARGET, NEW, 5, op)
    assert seen.candidate is not None
    assert seen.candidate.audience == "beta group"


def test_what_a_command_takes_is_what_the_deployer_can_do() -> None:
    can = deployer(shift=shell("true", "{audience}", "{sticky}")).capabilities()
    assert (can.audience, can.flag, can.sticky) == (True, False, True)
    none = deployer().capabilities()
    assert (none.audience, none.flag, none.sticky) == (False, False, False)


async def test_the_secrets_of_the_bot_stay_with_the_bot(tmp_path: Path) -> None:
    names = [name for name in os.environ if name.startswith(("SLACK_", "COUNTERSIGN_"))]
    os.environ["SLACK_BOT_TOKEN"] = "canary"
    try:
        done = await run(["env"], env={"COUNTERSIGN_KEY": "k"}, limit=MINUTE)
    finally:
        del os.environ["SLACK_BOT_TOKEN"]
    assert "canary" not in done.stdout
    assert "COUNTERSIGN_KEY=k" in done.stdout
    assert all(f"{name}=" not in done.stdout for name in names)


@pytest.mark.parametrize("value", ["-rf", "v1\n", "v1\x00", "v\x1b[2J", "a\u202eb"])
def test_a_value_that_looks_like_an_option_or_hides_something_is_refused(value: str) -> None:
    with pytest.raises(PermanentError) as caught:
        fill(["install", "{version}"], {"version": value})
    assert caught.value.code == "bad_value"


def test_a_value_is_never_read_as_a_placeholder_itself() -> None:
    argv = fill(["{version}", "{{key}}", "{"], {"version": "{key}", "key": "k"})
    assert argv == ["{key}", "{k}", "{"]


async def test_exit_code_75_is_temporary_and_others_are_not() -> None:
    for code, kind in ((75, TemporaryError), (1, PermanentError), (127, PermanentError)):
        broken = deployer(shift=shell(f"echo out; echo why >&2; exit {code}"))
        with pytest.raises(kind, match="why") as caught:
            await broken.shift(TARGET, NEW, 5, Op("k", 1))
        assert "out" in str(caught.value)


async def test_a_command_that_was_killed_is_permanent_and_names_the_signal() -> None:
    with pytest.raises(PermanentError, match="signal 9"):
        await deployer(shift=shell("kill -9 $$")).shift(TARGET, NEW, 5, Op("k", 1))


async def test_exit_code_77_means_stale() -> None:
    with pytest.raises(StaleOpError):
        await deployer(shift=shell("exit 77")).shift(TARGET, NEW, 5, Op("k", 1))


async def test_a_target_that_has_seen_a_newer_change_means_stale() -> None:
    side = {"version": "v1.0.0", "weight": 100, "ready": True}
    newer = observing(seq=9, current=side)
    with pytest.raises(StaleOpError):
        await deployer(observe=newer).rollback(TARGET, Release("v1.0.0"), Op("k", 8))


async def test_an_exit_code_of_0_without_the_effect_is_not_believed() -> None:
    with pytest.raises(TemporaryError, match="receives 5 % instead of 25 %"):
        await deployer().shift(TARGET, NEW, 25, Op("k", 1))


async def test_a_program_that_is_not_there_is_named() -> None:
    missing = CommandOptions(command=("/nowhere/deploy",))
    with pytest.raises(PermanentError, match="/nowhere/deploy can't be started: No such file"):
        await deployer(prepare=missing).prepare(TARGET, NEW, Op("k", 1))


async def test_only_the_end_of_a_long_output_is_kept() -> None:
    loud = shell("yes x | head -c 3000000; echo the end >&2; exit 1")
    with pytest.raises(PermanentError, match="the end") as caught:
        await deployer(shift=loud).shift(TARGET, NEW, 5, Op("k", 1))
    assert len(str(caught.value)) < 4500


async def test_a_time_out_kills_the_command_and_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    slow = shell(f"echo begun; sleep 60 & echo $! $$ > {pids}; wait", timeout="300ms")
    with pytest.raises(TemporaryError, match=r"within 0\.3 s: begun") as caught:
        await deployer(prepare=slow).prepare(TARGET, NEW, Op("k", 1))
    assert caught.value.unknown
    for pid in pids.read_text().split():
        await _gone(int(pid))


async def test_a_cancelled_call_kills_the_command_too(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(
        run(
            ["sh", "-c", f"echo $$ > {pids}.new; mv {pids}.new {pids}; sleep 60"],
            env={},
            limit=MINUTE,
        )
    )
    await _until(pids.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _gone(int(pids.read_text()))


async def test_a_call_cancelled_while_the_command_starts_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    mark = f"{tmp_path}/mark"
    for turns in range(6):
        argv = ["sh", "-c", "sleep 60 & wait", mark]
        task = asyncio.create_task(run(argv, env={}, limit=MINUTE))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await _until(lambda: not _running(mark))


@pytest.mark.thorough
async def test_a_service_left_in_the_background_does_not_hold_the_bot(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    done = await run(
        ["sh", "-c", f"sleep 60 & echo $! > {pids}; echo started"], env={}, limit=MINUTE
    )
    assert (done.code, done.stdout) == (0, "started\n")
    os.kill(int(pids.read_text()), 15)


@pytest.mark.parametrize("output", ["", "two words", "two\nlines", "-dash"])
async def test_a_digest_is_one_word(output: str) -> None:
    broken = deployer(resolve=CommandOptions(command=("printf", "%s", output)))
    with pytest.raises(PermanentError) as caught:
        await broken.resolve(TARGET, "v1.1.0")
    assert caught.value.code in {"bad_digest", "exit_2"}


async def test_what_is_not_configured_can_not_be_done() -> None:
    plain = deployer()
    capabilities = plain.capabilities()
    assert not capabilities.promote
    assert not capabilities.retire
    assert not capabilities.resolves_digests
    assert await plain.resolve(TARGET, "v1.1.0") == Release("v1.1.0")
    with pytest.raises(PermanentError) as caught:
        await plain.promote(TARGET, NEW, Op("k", 1))
    assert caught.value.code == "unsupported"


async def test_instances_are_a_capability_when_the_command_takes_them() -> None:
    assert not deployer().capabilities().instances
    assert deployer(shift=shell("true", "{instances}")).capabilities().instances


async def test_an_observation_that_is_not_json_says_nothing() -> None:
    for output in ("", "v1.0.0", '{"current": {}}', '{"seq": NaN}'):
        with pytest.raises(TemporaryError, match="did not say what runs"):
            await deployer(observe=CommandOptions(command=("printf", "%s", output))).observe(TARGET)


def test_a_placeholder_nobody_fills_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"observe: nothing fills \{version\}"):
        deployer(observe=shell("true", "{version}"))


def test_the_configuration_is_plain_data() -> None:
    options = options_of(
        "command",
        observe={"command": ["./observe"]},
        prepare={"command": ["./prepare", "{version}"], "timeout": "20m"},
        rollback={"command": ["./deploy.sh", "rollback", "{version}"]},
    )
    assert isinstance(options, CommandDeployerOptions)
    assert options.prepare.limit() == timedelta(minutes=20)


async def _gone(pid: int) -> None:
    """Wait until a process has ended; init, or we, may still have to collect it."""
    await _until(lambda: _ended(Path(f"/proc/{pid}/stat")))


def _running(argument: str) -> bool:
    """Whether a process with this argument is alive."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument.encode() in place.read_bytes().split(b"\0"):
                return True
        except (FileNotFoundError, ProcessLookupError):
            continue
    return False


def _ended(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")
