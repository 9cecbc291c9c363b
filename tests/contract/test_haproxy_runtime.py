"""The runtime socket when it misbehaves, exact weights, and options that can't work: no HAProxy."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.deployers.haproxy import HaproxyDeployer, HaproxyOptions
from bot.deployers.haproxy_runtime import HaproxyProcess, parse_address
from bot.deployers.haproxy_slots import RecordFile, server_weights
from bot.deployers.process import CommandOptions
from bot.ports import PermanentError, Target, TemporaryError
from tests.contract.worlds import TARGET, options_of

Asks = Callable[[bytes | None], Awaitable[HaproxyProcess]]


class Deaf:
    """A socket that is there and says only what it is told to, or nothing at all."""

    def __init__(self, says: bytes | None) -> None:
        self._says = says

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if self._says is None:
            await reader.read()  # until the other side gives up
        else:
            writer.write(self._says)
        writer.close()


@pytest.fixture
async def ask_deaf(tmp_path: Path) -> AsyncIterator[Asks]:
    servers: list[asyncio.Server] = []

    async def start(says: bytes | None) -> HaproxyProcess:
        place = str(tmp_path / "s")
        servers.append(await asyncio.start_unix_server(Deaf(says).serve, place))
        return HaproxyProcess(parse_address(f"unix:{place}"), limit=0.2)

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_a_process_that_hangs_is_given_up_and_its_state_is_unknown(
    ask_deaf: Asks,
) -> None:
    process = await ask_deaf(None)
    with pytest.raises(TemporaryError, match="no answer in time") as caught:
        await process.change(["set server b/s weight 5"])
    assert caught.value.unknown


async def test_a_process_that_is_not_there_was_not_changed(tmp_path: Path) -> None:
    process = HaproxyProcess(parse_address(f"unix:{tmp_path}/nobody"), limit=0.2)
    with pytest.raises(TemporaryError) as caught:
        await process.change(["set server b/s weight 5"])
    assert not caught.value.unknown


async def test_words_in_answer_to_a_change_are_a_refusal(
    ask_deaf: Asks,
) -> None:
    process = await ask_deaf(b"Permission denied\n\n")
    with pytest.raises(PermanentError, match="refused: Permission denied"):
        await process.change(["set server b/s weight 5"])


async def test_an_answer_in_another_shape_is_no_list_of_servers(
    ask_deaf: Asks,
) -> None:
    process = await ask_deaf(b"HTTP/1.1 400 Bad request\r\n\r\n")
    with pytest.raises(PermanentError, match="400 Bad request"):
        await process.servers("b")


def test_weights_are_exact_or_refused() -> None:
    assert server_weights(5, 1, 1) == (5, 95)
    assert server_weights(100, 1, 1) == (100, 0)
    assert server_weights(0, 1, 1) == (0, 100)
    assert server_weights(12.5, 1, 1) == (25, 175)
    assert server_weights(0.5, 1, 1) == (1, 199)
    assert server_weights(5, 1, 10) == (10, 19)
    assert server_weights(50, 2, 3) == (75, 50)
    with pytest.raises(PermanentError, match="exactly"):
        server_weights(0.1, 1, 1)
    with pytest.raises(PermanentError, match="not a share"):
        server_weights(101, 1, 1)


def test_the_documented_example_is_understood() -> None:
    options = options_of(
        "haproxy",
        sockets=["unix:/run/haproxy/admin.sock"],
        backend="checkout",
        slots=["blue", "green"],
        prepare={
            "command": ["./install", "{slot}", "{version}", "{artifact}"],
            "timeout": "10m",
        },
    )
    assert options.__struct_config__.tag == "haproxy"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sockets": ("/run/x.sock",)}, "is no socket"),
        ({"sockets": ("tcp:host:0",)}, "is no socket"),
        ({"slots": ("blue", "blue*")}, "two different"),
        ({"prepare": CommandOptions(command=("x", "{slut}"))}, "nothing fills {slut}"),
        ({"prepare": CommandOptions(command=())}, "empty"),
    ],
)
def test_options_that_can_not_work_are_refused_at_once(
    changes: dict[str, object], words: str
) -> None:
    said: dict[str, Any] = {
        "sockets": ("unix:/x",),
        "backend": "b",
        "slots": ("blue", "green"),
        "prepare": CommandOptions(command=("x",)),
    }
    with pytest.raises(ValueError, match=words):
        HaproxyDeployer(HaproxyOptions(**(said | changes)))


async def test_two_changes_of_one_target_never_overlap(tmp_path: Path) -> None:
    inside: list[int] = []

    async def change(number: int) -> None:
        async with RecordFile(tmp_path, TARGET).locked():
            inside.append(number)
            await asyncio.sleep(0.01)
            assert inside.pop() == number
            assert inside == []

    await asyncio.gather(*(change(number) for number in range(5)))


async def test_changes_of_two_targets_do_not_wait_for_each_other(tmp_path: Path) -> None:
    other = Target("checkout", "staging/../production")
    async with RecordFile(tmp_path, TARGET).locked(), RecordFile(tmp_path, other).locked():
        pass
    names = set(os.listdir(tmp_path))
    assert names == {"checkout@production.lock", "checkout@staging%2F..%2Fproduction.lock"}
