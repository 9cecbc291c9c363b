"""Sum up what the test runs wrote, as the last thing that CI prints.

    python -m tests.checks.figures build/test.xml build/browser.xml

A report that is not there counts for nothing: not every run has every kind of test.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def main(paths: Iterable[str]) -> int:
    """Print one line of figures. Return 0 when tests ran and none failed, else 1."""
    found = total(path for path in map(Path, paths) if path.exists())
    failed = found["failures"] + found["errors"]
    passed = found["tests"] - failed - found["skipped"]
    print(f"{passed} passed, {failed} failed, {found['skipped']} skipped")
    return 0 if passed and not failed else 1


def total(reports: Iterable[Path]) -> Counter[str]:
    """Add up the counts of JUnit reports."""
    found: Counter[str] = Counter()
    for report in reports:
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            for name in ("tests", "failures", "errors", "skipped"):
                found[name] += int(suite.get(name, "0"))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
