"""Finds calls for the time or for random numbers: a component of componentize-py has neither, and such a call aborts it."""

import ast
import sys
from pathlib import Path

# Modules that a provider must not import, and functions that it must not call.
MODULES = {"time", "random", "secrets", "uuid", "tempfile", "sched"}
CALLS = {"now", "utcnow", "today"}


def found(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        match node:
            case ast.Import(names=names):
                named = [name.name.partition(".")[0] for name in names]
            case ast.ImportFrom(module=module, level=0):
                named = [(module or "").partition(".")[0]]
            case ast.Call(func=ast.Attribute(attr=name)) if name in CALLS:
                yield node.lineno, f"`{name}()`"
                continue
            case _:
                continue
        yield from ((node.lineno, f"`{name}`") for name in named if name in MODULES)


if __name__ == "__main__":
    wrong = [f"{path}:{line}: {what}" for path in map(Path, sys.argv[1:]) for line, what in found(path)]
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        sys.exit("A component of componentize-py has no clock and no random numbers: such a call ends it, be it after the message went out.")
