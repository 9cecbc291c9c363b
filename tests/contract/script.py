"""A deploy script as a team might have one, with its state in a JSON file.

Run as: script.py STATE OPERATION VERSION WEIGHT. Key and number come from the environment.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

STALE, UNKNOWN, REFUSED = 77, 66, 1


def main(place: str, operation: str, version: str = "", weight: str = "0") -> int:
    file = Path(place)
    state = json.loads(file.read_text()) if file.exists() else fresh()
    if operation == "resolve":
        return resolve(version)
    if operation == "observe":
        print(json.dumps(observed(state)))
        return 0
    seq = int(os.environ["COUNTERSIGN_SEQ"])
    if seq < state["seq"]:
        return STALE
    state["seq"] = seq
    code = change(state, operation, version, float(weight))
    file.write_text(json.dumps(state))
    return code


def fresh() -> dict[str, Any]:
    return {"seq": 0, "current": "v1.0.0", "candidate": None, "weight": 0, "changes": 0}


def resolve(version: str) -> int:
    if not version.startswith("v"):
        return UNKNOWN
    print("sha256:" + version.encode().hex())
    return 0


def observed(state: dict[str, Any]) -> dict[str, Any]:
    def side(version: str, weight: float) -> dict[str, Any]:
        return {"version": version, "weight": weight, "ready": True}

    candidate = state["candidate"]
    return {
        "seq": state["seq"],
        "current": side(state["current"], 100 - state["weight"]),
        "candidate": side(candidate, state["weight"]) if candidate else None,
    }


def change(state: dict[str, Any], operation: str, version: str, weight: float) -> int:
    current, candidate = state["current"], state["candidate"]
    state["changes"] += 1
    match operation:
        case "prepare" if version != current:
            state |= {"candidate": version, "weight": 0}
        case "shift" if version == candidate:
            state["weight"] = weight
        case "promote" if version == current:
            pass
        case "promote" if version == candidate and state["weight"] == 100:
            state |= {"current": candidate, "candidate": current, "weight": 0}
        case "rollback" if version == current:
            state["weight"] = 0
        case "rollback" if version == candidate:
            state |= {"current": candidate, "candidate": current, "weight": 0}
        case "retire" if version != current:
            state |= {"candidate": None, "weight": 0} if version == candidate else {}
        case _:
            print(f"can't {operation} {version} now", file=sys.stderr)
            return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
