"""The words of notices: templates that come with the program, and those of the user's folders.

A template is one file, `NAME.j2`, or `NAME.de.j2` for another language, with a block for the
subject and one for the text. The page (HTML) is made of the text unless the file has a block `html`
too. What is not known is never left out silently: it stands in the preview as [name], and nothing
with such a gap can be published.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from bot.domain import notice_times
from bot.domain.documents import nearest
from bot.domain.notice import Problem, Rendered, Sheet, Words, instant
from bot.files import FileError
from bot.files import Problem as FileProblem

MAIN = "en"
"""The language of files without a suffix."""

SUFFIX = ".j2"
_NAME = re.compile(r"([a-z0-9][a-z0-9-]*)(?:\.([a-z]{2,3}(?:-[A-Za-z]{2,4})?))?\.j2")
_BLOCKS = ("subject", "text")
_BASE = "base"

GIVEN = frozenset(
    {"event", "service", "environment", "status", "support", "status_page", "duration"}
)
"""Values that nobody has to fill in by hand."""


def builtin() -> dict[str, str]:
    """The templates that come with the program, by the name of their file."""
    folder = files("templates").joinpath("notices")
    return {
        each.name: each.read_text("utf-8")
        for each in folder.iterdir()
        if each.name.endswith(SUFFIX)
    }


def in_folder(folder: Path) -> dict[str, str]:
    """The templates of a user's folder. Raises FileError when it can't be read."""
    try:
        found = sorted(folder.glob(f"*{SUFFIX}"))
        if not folder.is_dir():
            raise FileError([FileProblem(str(folder), 0, (), "there is no such folder", "")])
        return {path.name: path.read_text("utf-8") for path in found}
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(
            [FileProblem(str(folder), 0, (), f"it can't be read: {error}", "")]
        ) from error


class NoticeTemplates:
    """Templates by name and language. A later source takes the place of an earlier one."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """sources: text by the name of its file. Raises FileError with all that is wrong."""
        self._sources = dict(sources)
        self._gaps: list[str] = []
        undefined = _gap_type(self._gaps)
        loader = jinja2.DictLoader(self._sources)
        self._plain = _environment(loader, undefined, autoescape=False)
        self._page = _environment(loader, undefined, autoescape=True)
        problems = list(self._mistakes())
        if problems:
            raise FileError(problems)

    def names(self) -> tuple[str, ...]:
        """The templates there are, without their languages."""
        found = {match[1] for name in self._sources if (match := _NAME.fullmatch(name))}
        return tuple(sorted(found - {_BASE}))

    def languages(self, name: str) -> tuple[str, ...]:
        """The languages in which there is a template, the main one first."""
        found = [m for each in self._sources if (m := _NAME.fullmatch(each)) and m[1] == name]
        return tuple(sorted((m[2] or MAIN for m in found), key=lambda each: (each != MAIN, each)))

    def fields(self, name: str, language: str = MAIN) -> tuple[str, ...]:
        """The values that a template takes, in the order of its text. Raises KeyError."""
        return tuple(dict.fromkeys(self._variables(_file(name, language))))

    def render(self, sheet: Sheet) -> Rendered:
        """Fill a template in; see `bot.domain.notice.Render`."""
        if sheet.template not in self.names():
            hint = nearest(sheet.template, self.names())
            text = f"there is no template {sheet.template!r}; {hint}".rstrip("; ")
            return Rendered((), (Problem("template", text),), ())
        made = [self._in_language(sheet, language) for language in sheet.languages]
        fields = self.fields(sheet.template, self.languages(sheet.template)[0])
        words = tuple(words for words, _ in made if words is not None)
        problems = tuple(dict.fromkeys(problem for _, found in made for problem in found))
        return Rendered(words, problems, tuple(f for f in fields if f not in GIVEN))

    # --- inside -----------------------------------------------------------------------------

    def _in_language(self, sheet: Sheet, language: str) -> tuple[Words | None, tuple[Problem, ...]]:
        file = _file(sheet.template, language)
        if file not in self._sources:
            text = f"there is no {file}; add it, or take the language out of `notices: languages:`"
            return None, (Problem(f"language {language}", text),)
        values = _in(language, sheet)
        self._gaps.clear()
        try:
            subject = self._block(self._plain, file, "subject", values)
            text = self._block(self._plain, file, "text", values)
            page = self._block(self._page, file, "html", values)
        except jinja2.TemplateError as error:
            return None, (Problem("template", f"{file}: {error.message or error}"),)
        except (TypeError, ValueError, ArithmeticError) as error:
            return None, (Problem("template", f"{file}: {error}"),)
        except (RecursionError, MemoryError):
            return None, (Problem("template", f"{file}: it never comes to an end"),)
        missing = [Problem(name, "it is not known; fill it in") for name in self._gaps]
        words = Words(language, " ".join(subject.split()), _tidy(text), _tidy(page))
        return words, tuple(dict.fromkeys(missing))

    def _block(
        self, environment: jinja2.Environment, file: str, block: str, values: Mapping[str, Any]
    ) -> str:
        """One block; what a file has not got comes from the base of its language."""
        chain = [environment.get_template(name) for name in (file, *self._bases(file))]
        context = chain[0].new_context(dict(values))
        context.blocks = {
            name: [each.blocks[name] for each in chain if name in each.blocks]
            for name in {name for each in chain for name in each.blocks}
        }
        return "".join(context.blocks[block][0](context))

    def _bases(self, file: str) -> list[str]:
        match = _NAME.fullmatch(file)
        language = (match[2] if match is not None else "") or MAIN
        names = dict.fromkeys((_file(_BASE, language), _file(_BASE, MAIN)))
        return [name for name in names if name in self._sources]

    def _variables(self, file: str) -> Iterator[str]:
        tree = self._plain.parse(self._sources[file])
        bound = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
        known = {*bound, *self._plain.globals, "self", "super", "loop", "zones", "language"}
        for name in tree.find_all(nodes.Name):
            if name.ctx == "load" and name.name not in known:
                yield name.name

    def _mistakes(self) -> Iterator[FileProblem]:
        for file, text in sorted(self._sources.items()):
            match = _NAME.fullmatch(file)
            if match is None:
                hint = "name it like my-notice.j2, or my-notice.de.j2"
                yield FileProblem(file, 0, (), "this is no name of a template", hint)
                continue
            try:
                tree = self._plain.parse(text)
                blocks = {block.name for block in tree.find_all(nodes.Block)}
                self._plain.get_template(file)
            except jinja2.TemplateSyntaxError as error:
                yield FileProblem(file, error.lineno, (), str(error.message), "")
                continue
            if tree.find(nodes.Extends) is not None:
                hint = "leave it out: what a file has not got comes from base.j2"
                yield FileProblem(file, 0, (), "a template can't extend another one", hint)
            lacking = [f"`{block}`" for block in _BLOCKS if block not in blocks]
            if match[1] != _BASE and lacking:
                hint = "write it as {% block subject %}...{% endblock %}"
                yield FileProblem(file, 0, (), f"it has no block {' and no '.join(lacking)}", hint)


def load(folders: Iterable[Path]) -> NoticeTemplates:
    """The templates of the program and of these folders, of which the last one counts most.

    Raises FileError with all that is wrong in any of them.
    """
    sources = builtin()
    for folder in folders:
        sources |= in_folder(folder)
    return NoticeTemplates(sources)


def _file(name: str, language: str) -> str:
    return f"{name}{SUFFIX}" if language == MAIN else f"{name}.{language}{SUFFIX}"


def _in(language: str, sheet: Sheet) -> dict[str, Any]:
    """The values in a language: `impact_de` is what `impact` is in German."""
    suffix = f"_{language.replace('-', '_').lower()}"
    own = {n.removesuffix(suffix): t for n, t in sheet.values.items() if n.endswith(suffix)}
    return {**sheet.values, **own, "zones": sheet.zones, "language": language}


def _tidy(text: str) -> str:
    """Without blanks at the ends of lines, and with one empty line at most between two others."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


# --- what templates can use -----------------------------------------------------------------


class _Bounded(ImmutableSandboxedEnvironment):
    """Multiplies numbers alone: a text times a number is as long as anybody likes.

    What is intercepted is not worked out while a template is compiled, either.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(each, int | float) for each in (left, right)):
            raise SecurityError(f"{operator} is for numbers only, and ** for nothing")
        return super().call_binop(context, operator, left, right)


def _environment(
    loader: jinja2.BaseLoader, undefined: type[jinja2.Undefined], *, autoescape: bool
) -> jinja2.Environment:
    environment = _Bounded(
        loader=loader,
        undefined=undefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.clear()
    environment.globals["span"] = _span
    filters: Mapping[str, Callable[..., Any]] = {
        "when": _when,
        "date": _with_zone(notice_times.date),
        "time": _with_zone(notice_times.time),
        "tz": _with_zone(notice_times.abbreviation),
        "lines": _lines,
        "paragraphs": _paragraphs,
    }
    environment.filters.update(filters)
    return environment


def _gap_type(gaps: list[str]) -> type[jinja2.Undefined]:
    """The type of what is not known. A strict one stops at the first use; here each is noted."""

    class Gap(jinja2.Undefined):
        def _noted(self) -> str:
            name = self._undefined_name or "a value"
            gaps.append(name)
            return f"[{name}]"

        def __str__(self) -> str:
            return self._noted()

        def __iter__(self) -> Iterator[Any]:
            self._noted()
            return iter(())

        def __bool__(self) -> bool:
            self._noted()
            return False

        def __len__(self) -> int:
            self._noted()
            return 0

        def __eq__(self, other: object) -> bool:
            self._noted()
            return self is other

        __hash__ = jinja2.Undefined.__hash__

    return Gap


@jinja2.pass_context
def _when(context: Any, value: Any) -> str:
    at = None if isinstance(value, jinja2.Undefined) else instant(str(value))
    return str(value) if at is None else notice_times.moment(at, _zones(context))


@jinja2.pass_context
def _span(context: Any, start: Any, end: Any) -> str:
    texts = [str(each) for each in (start, end)]
    begins, ends = (instant(text) for text in texts)
    if begins is None or ends is None:
        return " - ".join(texts)
    return notice_times.span(begins, ends, _zones(context))


def _with_zone(tell: Callable[[Any, str], str]) -> Callable[..., str]:
    """In the main zone."""

    @jinja2.pass_context
    def told(context: Any, value: Any) -> str:
        at = None if isinstance(value, jinja2.Undefined) else instant(str(value))
        return str(value) if at is None else tell(at, (*_zones(context), "UTC")[0])

    return told


def _zones(context: Any) -> Sequence[str]:
    """Those that exist; a wrong one is among the problems already."""
    found = []
    for zone in context["zones"]:
        try:
            notice_times.zone_of(zone)
        except ValueError:
            continue
        found.append(zone)
    return found


def _lines(value: Any) -> list[str]:
    """The lines of a value; a value on one line may be parted by semicolons instead."""
    text = str(value)
    parts = text.splitlines() if "\n" in text else text.split(";")
    return [part.strip(" -*•\t") for part in parts if part.strip(" -*•\t")]


_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:)]")


def _paragraphs(value: Any) -> Markup:
    """Text as HTML: paragraphs, lists of lines that begin with a dash, and links."""
    escaped = str(value) if isinstance(value, Markup) else html.escape(str(value), quote=False)
    parts = [_paragraph(part.splitlines()) for part in re.split(r"\n\s*\n", escaped.strip())]
    return Markup("\n".join(parts))  # noqa: S704 - every value in it was escaped above


def _paragraph(lines: Sequence[str]) -> str:
    text = [line.strip() for line in lines if line.strip()]
    head = [line for line in text if not line.startswith("- ")]
    items = [line.removeprefix("- ") for line in text if line.startswith("- ")]
    said = f"<p>{_linked('<br>'.join(head))}</p>" if head else ""
    listed = "".join(f"<li>{_linked(item)}</li>" for item in items)
    return said + (f"<ul>{listed}</ul>" if listed else "")


def _linked(text: str) -> str:
    return _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', text)
