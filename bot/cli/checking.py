"""`plan check`: every mistake with file and line, and what is sound but won't work well."""

import argparse
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.shell import FINE, FOUND, ProblemError, Shell, UsageError, Verbs
from bot.cli.written import documents, is_file, named

if TYPE_CHECKING:
    from bot.domain.plan import Plan
    from bot.files import Problem
    from bot.plans import PlanLibrary
    from bot.settings import Settings


def add(plan: Verbs) -> None:
    """Put the verb among those of `plan`."""
    check = plan.add("check", "every mistake, and what won't work well", _check, json=True)
    check.add_argument("plans", nargs="*", help="files or names; all plans when none is given")
    check.add_argument("--traffic", metavar="RATE", help="expected requests in all, like 200/min")
    check.add_argument(
        "--buckets",
        action="append",
        default=[],
        metavar="EDGES",
        help="edges of histograms in seconds, like 0.1,0.25,0.5; METRIC=EDGES for one of them",
    )
    check.add_argument("--prometheus", metavar="URL", help="read the edges of histograms there")
    check.add_argument("--strict", action="store_true", help="exit 1 on warnings, too")


def _check(args: argparse.Namespace, shell: Shell) -> int:
    from bot.files import FileError
    from bot.plans import PlanLibrary

    names = [word for word in args.plans if not is_file(word)]
    files = [Path(word) for word in args.plans if is_file(word)]
    expected = _Expected(args, shell)
    try:
        library = PlanLibrary(documents(args, shell, files))
    except FileError as error:
        _say(shell, [("", "mistake", each) for each in error.problems], json=args.json)
        return FOUND
    for name in names:
        named(library, name)
    checked = _checked(library, names, files) if args.plans else list(library.names())
    warnings = [
        (name, "warning", problem)
        for name in checked
        for problem in expected.warnings(library, name)
    ]
    _say(shell, warnings, json=args.json)
    if not args.json:
        count = len(args.plans) or len(checked)
        shell.say(_ending(count, len(warnings)))
    return FOUND if warnings and args.strict else FINE


def _checked(library: "PlanLibrary", names: Sequence[str], files: Sequence[Path]) -> list[str]:
    """The names of the plans that were asked about."""
    given = {str(file) for file in files}
    return [*names, *(name for name in library.names() if library.file(name) in given)]


def _ending(count: int, warnings: int) -> str:
    sound = f"{count} plan{'s are' if count != 1 else ' is'} sound"
    if not warnings:
        return f"{sound}."
    return f"{sound}, with {warnings} warning{'s' if warnings != 1 else ''}."


def _say(shell: Shell, found: Iterable[tuple[str, str, "Problem"]], *, json: bool) -> None:
    """What was found: (plan, "mistake" or "warning", problem). Warnings name their plan."""
    if json:
        shell.say_json(
            [{**problem.as_json(), "plan": plan, "level": level} for plan, level, problem in found]
        )
        return
    for plan, level, problem in found:
        shell.say(f"{plan}: warning: {problem}" if level == "warning" else str(problem))


class _Expected:
    """What is known of the traffic and the histograms that plans will meet."""

    def __init__(self, args: argparse.Namespace, shell: Shell) -> None:
        """Raises UsageError for options that make no sense."""
        self._args = args
        self._shell = shell
        self._traffic = _rate(args.traffic)
        self._edges = dict(_edges(words) for words in args.buckets)
        self._settings = _settings(args, shell)

    def warnings(self, library: "PlanLibrary", name: str) -> "list[Problem]":
        """What won't work well in a plan, each once. Raises ProblemError."""
        from bot.domain.advice import advise
        from bot.domain.advice_keys import passed_over, unheard

        found: dict[Problem, None] = {}
        for plan, traffic in self._uses(library.get(name)):
            advice = advise(plan, traffic=traffic, edges=self._edges_of(plan))
            told = unheard(plan, self._audiences()) if self._settings else ()
            for error in (*advice, *passed_over(plan), *told):
                found[library.problem(name, error)] = None
        return list(found)

    def _audiences(self) -> Collection[str]:
        notices = self._settings.config.notices if self._settings else None
        return notices.audiences if notices is not None else ()

    def _uses(self, plan: "Plan") -> "list[tuple[Plan, float | None]]":
        """The plan as each service measures it, with the service's traffic."""
        from bot.domain.documents import DocumentError
        from bot.domain.plan_compile import measured_by

        uses: list[tuple[Plan, float | None]] = []
        config = self._settings.config if self._settings else None
        for service, of in (config.services if config else {}).items():
            if plan.name not in {of.plan, *of.plans.values()} or self._settings is None:
                continue
            for (owner, _), environment in self._settings.environments.items():
                define = getattr(environment.metrics, "define", {})
                if owner != service:
                    continue
                try:
                    measured = measured_by(plan, define)
                except DocumentError:  # which `serve` and `doctor` tell, with its place
                    continue
                uses.append((measured, self._traffic or _rate(of.traffic)))
        return uses or [(plan, self._traffic)]

    def _edges_of(self, plan: "Plan") -> Mapping[str, Sequence[float]]:
        import asyncio

        quantiles = [metric for metric in plan.metrics.values() if metric.kind == "quantile"]
        found: Mapping[str, Sequence[float]] = {
            m.name: e for m in quantiles if (e := self._edges.get(m.name))
        }
        if "" in self._edges:
            found = {**{m.name: self._edges[""] for m in quantiles}, **found}
        if self._args.prometheus and quantiles:
            asked = [metric for metric in quantiles if metric.name not in found]
            found = {**found, **asyncio.run(_live(self._args.prometheus, asked, self._shell))}
        return found


async def _live(url: str, metrics: "Sequence[Any]", shell: Shell) -> dict[str, Sequence[float]]:
    """The edges that a Prometheus knows. Raises ProblemError."""
    from bot.metrics.edges import edges_of
    from bot.metrics.prometheus_api import NoAnswerError, to_ms
    from bot.ports import PermanentError
    from bot.setup import real_world

    found: dict[str, Sequence[float]] = {}
    async with real_world() as outside:
        for metric in metrics:
            try:
                edges = await edges_of(url, outside.http, metric, {}, to_ms(shell.now()))
            except (NoAnswerError, PermanentError) as error:
                raise ProblemError(f"{metric.name}: {error}") from error
            if not edges:
                shell.complain(f"{metric.name}: {url} holds no histogram {metric.histogram}")
            found[metric.name] = edges
    return found


def _rate(text: str | None) -> float | None:
    from bot.domain.advice import parse_rate

    if not text:
        return None
    try:
        return parse_rate(text)
    except ValueError as error:
        raise UsageError(f"--traffic: {error}") from error


def _edges(words: str) -> tuple[str, tuple[float, ...]]:
    """Of METRIC=EDGES or EDGES: the metric, "" for all of them, and the edges."""
    metric, _, numbers = words.rpartition("=")
    try:
        edges = tuple(float(number) for number in numbers.split(",") if number.strip() != "+Inf")
    except ValueError:
        edges = ()
    if not edges or list(edges) != sorted(set(edges)) or edges[0] <= 0:
        raise UsageError(f"--buckets takes ascending seconds like 0.1,0.25,0.5, not {words!r}")
    return metric.strip(), edges


def _settings(args: argparse.Namespace, shell: Shell) -> "Settings | None":
    """The configuration, where there is a sound one; what is wrong with it is said elsewhere."""
    from bot.cli.loading import config_path
    from bot.files import FileError
    from bot.settings import SettingsError, load_settings
    from bot.setup import DEPLOYER_OPTIONS, METRICS_OPTIONS

    path = config_path(args, shell)
    if not path.exists():
        return None
    kinds = {"deployers": DEPLOYER_OPTIONS, "metrics": METRICS_OPTIONS}
    try:
        return load_settings(path, shell.env, **kinds, serving=False)
    except (FileError, SettingsError):
        return None
