"""Templates that somebody wrote, tried out before the bot begins to work.

A sandbox keeps a template from reaching anything but its values; it keeps none from using up the
machine (`{{ 'a' * 200000000 }}`, a macro that calls itself twice). Whoever writes templates could
stop the bot that way, at the moment at which customers have to be told something. So each is filled
in once with long values, in a process that has little memory and little time and none of the bot's
secrets.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from bot.domain.notice import Sheet
from bot.files import FileError, Problem
from bot.notice_templates import NoticeTemplates

MEMORY = 1 << 30
"""Bytes of address space; filling the built-in templates in takes a tenth of it."""

CPU_SECONDS = 2
PATIENCE = 20
"""Seconds in all; machines can be busy."""

LONGEST = 200_000
"""Characters of what a template makes out of values of a few thousand."""

_KEPT = ("PATH", "PYTHONPATH", "SYSTEMROOT", "LANG")
_LONG = "Some words that say what happened; " * 60 + "\n- and a line" * 20
_VALUES = (_LONG, "2026-11-21T12:00:00+00:00", "")


def tried(sources: Mapping[str, str], names: Sequence[str]) -> list[Problem]:
    """What is wrong with templates that need too much. names: of the files to try."""
    if not names:
        return []
    command = [sys.executable, "-m", "bot.template_trial"]
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    asked = json.dumps({"sources": dict(sources), "names": list(names)})
    try:
        done = subprocess.run(  # noqa: S603  # our own module, and nothing of it comes from outside
            command, input=asked, capture_output=True, text=True, timeout=PATIENCE, env=env
        )
        said, ended = done.stdout, done.returncode == 0
    except subprocess.TimeoutExpired as error:
        said, ended = (error.stdout or b"").decode(), False
    return list(_problems(said.splitlines(), ended))


def _problems(lines: Sequence[str], ended: bool) -> Iterator[Problem]:
    """Each file is named when its turn comes, so the last one named is the one that broke it."""
    hint = "it is filled in with long values at the start; make it do less"
    for line in lines:
        file, _, problem = line.partition("\t")
        if problem:
            yield Problem(file, 0, (), problem, hint)
    if not ended:
        last = lines[-1].partition("\t")[0] if lines else "templates"
        what = f"it needs more than {CPU_SECONDS} s or {MEMORY >> 20} MB"
        yield Problem(last, 0, (), what, hint)


def main() -> int:
    """Try what stands on stdin; one line per file, and one more for what is wrong with it."""
    asked = json.load(sys.stdin)
    sources, names = asked["sources"], asked["names"]
    _confine(CPU_SECONDS + len(names) // 4)
    try:
        for name in names:  # what is constant is worked out while it is compiled
            print(name, flush=True)  # noqa: T201
            NoticeTemplates({name: sources[name]})
        templates = NoticeTemplates(sources)
    except FileError:
        return 0  # it is told with its line when the templates are loaded
    for name in names:
        print(name, flush=True)  # noqa: T201
        for problem in dict.fromkeys(_wrong(templates, name)):
            print(f"{name}\t{problem}", flush=True)  # noqa: T201
    return 0


def _wrong(templates: NoticeTemplates, file: str) -> Iterator[str]:
    name, *rest = file.removesuffix(".j2").split(".")
    if name not in templates.names():
        return
    language = rest[0] if rest else "en"
    for value in _VALUES:
        values = dict.fromkeys(templates.fields(name, language), value)
        sheet = Sheet(template=name, values=values, zones=("UTC",), languages=(language,))
        made = templates.render(sheet)
        wrong = (each.text for each in made.problems if each.field == "template")
        yield from (text.removeprefix(f"{file}: ") for text in wrong)
        for words in made.words:
            size = len(words.subject) + len(words.text) + len(words.html)
            if size > LONGEST:
                yield f"it makes {size:,} characters, and {LONGEST:,} are allowed"


def _confine(seconds: int) -> None:
    """Little memory and little time, where the system can say so."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
