"""Measure the code: long functions and long modules are where defects hide.

Prints the figures and exits 1 when a limit is broken. A function's length is counted in lines of
code: docstrings, comments and blank lines are free, so that nobody saves on explaining.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = ("bot", "commands")
MEDIAN = 10
P95 = 50
MODULE = 400

_NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)


@dataclass(frozen=True)
class Function:
    """A function and how many lines of code it takes, its signature included."""

    name: str
    lines: int


@dataclass(frozen=True)
class Module:
    """A file, its length in lines of any kind, and the functions in it."""

    path: Path
    lines: int
    functions: tuple[Function, ...]


def main() -> int:
    """Return 0 when every limit holds, 1 when one is broken."""
    code = [measure(path) for folder in CODE for path in files(ROOT / folder)]
    tests = [measure(path) for path in files(ROOT / "tests")]
    print("\n".join(report(code, tests)))
    broken = list(faults(code))
    print("\n".join(f"BROKEN: {fault}" for fault in broken) or "every limit holds")
    return 1 if broken else 0


def files(folder: Path) -> list[Path]:
    """List the Python files under a folder, in a stable order."""
    return sorted(folder.rglob("*.py"))


def measure(path: Path) -> Module:
    """Read one file. Raises SyntaxError when it is no Python."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    free = without_code(source, tree)
    return Module(path, source.count("\n"), tuple(functions(tree, path.stem, free)))


def functions(tree: ast.AST, prefix: str, free: frozenset[int]) -> Iterator[Function]:
    """Yield every function, also those within classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            yield Function(f"{prefix}.{node.name}", sum(line not in free for line in span))


def without_code(source: str, tree: ast.AST) -> frozenset[int]:
    """Find the numbers of the lines that hold only comment, docstring or nothing."""
    used: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            used.update(range(token.start[0], token.end[0] + 1))
    docstrings = {line for node in ast.walk(tree) for line in docstring(node)}
    return frozenset(range(1, source.count("\n") + 2)) - (used - docstrings)


def docstring(node: ast.AST) -> range:
    """Give the lines of a node's docstring, none when it has none."""
    owners = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    if not isinstance(node, owners) or ast.get_docstring(node) is None:
        return range(0)
    first = node.body[0]
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def lengths(code: list[Module]) -> list[int]:
    """List the lengths of all functions, shortest first."""
    return sorted(function.lines for module in code for function in module.functions)


def p95(values: list[int]) -> float:
    """Give the 95th percentile, interpolated between neighbours."""
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else sum(values)


def report(code: list[Module], tests: list[Module]) -> Iterator[str]:
    """Write the figures down, the longest of each kind by name."""
    found = lengths(code)
    ours, theirs = (sum(module.lines for module in part) for part in (code, tests))
    yield f"functions: {len(found)}, median {median(found or [0])} lines, p95 {p95(found):.0f}"
    every = [function for module in code for function in module.functions]
    longest = sorted(every, key=lambda each: -each.lines)[:3]
    yield "longest functions: " + ", ".join(f"{each.name} {each.lines}" for each in longest)
    biggest = sorted(code, key=lambda each: -each.lines)[:3]
    yield "longest modules: " + ", ".join(f"{each.path.name} {each.lines}" for each in biggest)
    yield f"lines: {ours} of code, {theirs} of tests ({theirs / max(ours, 1):.2f} to 1)"
    yield f"test modules over {MODULE} lines: {sum(each.lines > MODULE for each in tests)}"


def faults(code: list[Module]) -> Iterator[str]:
    """Yield each limit that is broken, with what breaks it."""
    found = lengths(code)
    if found and median(found) > MEDIAN:
        yield f"the median function has {median(found)} lines, at most {MEDIAN}"
    if p95(found) > P95:
        yield f"the 95th percentile of functions is {p95(found):.0f} lines, at most {P95}"
    for module in code:
        if module.lines > MODULE:
            yield f"{module.path} has {module.lines} lines, at most {MODULE}"


if __name__ == "__main__":
    sys.exit(main())
