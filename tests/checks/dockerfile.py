"""Read a Dockerfile and rehearse it without a container engine.

The rehearsal does what the build stage does, in a folder of its own: it copies what COPY names (and
.dockerignore lets through), runs what RUN says with the image's folders replaced by ones in there,
and then starts the installed program from an empty folder. That proves the lock, the list of copied
files and the packaging; it proves nothing about the base image.

    python -m tests.checks.dockerfile        # needs a package index
"""

import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# find_spec and no import, so that this needs nothing but the wheel itself.
COUNTS_DATA = """
import importlib.util, pathlib, sys
def count(package, pattern):
    folders = importlib.util.find_spec(package).submodule_search_locations
    return sum(1 for folder in folders for _ in pathlib.Path(folder).glob(pattern))
found = {
    "plans": count("templates", "plans/*.yaml"),
    "migrations": count("bot.store", "migrations/**/*.py"),
    "pages": count("bot.practice", "page/index.html"),
}
print("installed:", found)
sys.exit(not all(found.values()))
"""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals and the rest of its line, continued lines joined."""

    word: str
    rest: str

    @property
    def json(self) -> list[str]:
        """The exec form, the last bracket of the line. Raises ValueError when there is none."""
        values: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return values


@dataclass
class Stage:
    """What follows one FROM."""

    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        """List the instructions of one kind, in order."""
        return [each for each in self.instructions if each.word == word]

    @property
    def environment(self) -> dict[str, str]:
        """What the stage's ENV instructions set, unexpanded."""
        pairs = [pair for each in self.all("ENV") for pair in each.rest.split()]
        return dict(pair.split("=", 1) for pair in pairs)


def read(text: str) -> list[Stage]:
    """Split a Dockerfile into stages; what precedes the first FROM is left out."""
    stages: list[Stage] = []
    for instruction in instructions(text):
        if instruction.word == "FROM":
            stages.append(Stage(instruction.rest))
        elif stages:
            stages[-1].instructions.append(instruction)
    return stages


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word.upper(), " ".join(rest.split()))


def ignored(path: str, rules: str) -> bool:
    """Whether .dockerignore keeps a path with forward slashes out: the last fitting rule wins."""
    out = False
    for rule in rules.splitlines():
        pattern = rule.lstrip("!").strip().rstrip("/")
        if pattern and not pattern.startswith("#") and _fits(path, pattern):
            out = not rule.startswith("!")
    return out


def _fits(path: str, pattern: str) -> bool:
    """A rule fits a path or any folder above it; `**/` fits any depth, none included."""
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatch(part, pattern[3:]) for part in parts)
    return any(fnmatch.fnmatch(each, pattern) and _depth(each, pattern) for each in above)


def _depth(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/")


def copy(stage: Stage, source: Path, to: Path) -> None:
    """Do a stage's COPY instructions from a folder.

    Raises:
        FileNotFoundError: A path does not exist or .dockerignore keeps it out.
    """
    rules = (source / ".dockerignore").read_text("utf-8")
    for instruction in stage.all("COPY"):
        *names, target = instruction.rest.split()
        for name in names:
            if ignored(name, rules):
                raise FileNotFoundError(f"{name} is kept out by .dockerignore")
            _copy(source / name, to / target, source, rules)


def _copy(path: Path, target: Path, source: Path, rules: str) -> None:
    def skip(folder: str, names: list[str]) -> list[str]:
        above = Path(folder).relative_to(source).as_posix()
        return [name for name in names if ignored(f"{above}/{name}", rules)]

    if path.is_dir():
        shutil.copytree(path, target, ignore=skip)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def rehearse(folder: Path) -> Path:
    """Do the build stage in a folder and give where it installed the program.

    Raises:
        subprocess.CalledProcessError: A step failed.
    """
    stage = read((ROOT / "Dockerfile").read_text("utf-8"))[0]
    work, prefix = folder / "src", folder / "opt"
    copy(stage, ROOT, work)
    for step in stage.all("RUN"):
        command = step.rest.replace("/opt/countersign", str(prefix))
        command = command.replace("python -m venv", f"{sys.executable} -m venv", 1)
        print(f"+ {step.rest}", flush=True)
        subprocess.run(["/bin/sh", "-ec", command], cwd=work, check=True, env=bare())
    return prefix


def bare() -> Mapping[str, str]:
    """The environment without anything that would let Python find this source tree."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def main() -> int:
    """Rehearse, then start what was installed from an empty folder. 0 when all went well."""
    with tempfile.TemporaryDirectory(prefix="countersign-image-") as name:
        prefix, empty = rehearse(Path(name)), Path(name) / "empty"
        empty.mkdir()
        for command in (["countersign", "version"], ["python", "-c", COUNTS_DATA]):
            program = str(prefix / "bin" / command[0])
            subprocess.run([program, *command[1:]], cwd=empty, check=True, env=bare())
    print("the image's build stage works from an empty folder")
    return 0


if __name__ == "__main__":
    sys.exit(main())
