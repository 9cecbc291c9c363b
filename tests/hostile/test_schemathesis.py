"""Another program reads the document and tries what follows from it, over a socket."""

import asyncio
import sys
from pathlib import Path

import pytest

from bot.serving import listening, served
from tests.hostile.test_document import FILE
from tests.hostile.test_requests import forget
from tests.scenarios.clock import PatientLoop
from tests.scenarios.world import HOOK_TOKEN, World

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance", "unsupported_method"),
    *("ignored_auth", "use_after_free", "ensure_resource_availability"),
)


@pytest.mark.thorough
@pytest.mark.timeout(600)
async def test_schemathesis_finds_nothing(world: World, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PatientLoop)
    loop.real = True
    await world.bot.start()
    bound = listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(FILE), "--url", url]
    command += ["--checks", ",".join(CHECKS), "--max-examples", "40", "--seed", "7"]
    command += ["--header", f"Authorization: Bearer {HOOK_TOKEN}", "--no-color"]
    async with served(world.bot.web, bound):
        ran = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path
        )
        said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()
    await forget(world)
