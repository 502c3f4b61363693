"""Forks the program for each list of arguments it is sent, a line of JSON each; answers with its process id.

To read its modules again is most of what a killed program does until it answers; here that is done once. What runs is
the command itself, in a session of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module

from benhan import app, cli


def main() -> None:
    """Until nobody sends any more."""
    for room in app.ROOMS:
        import_module(room)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends is not waited for
    for line in sys.stdin:
        if child := os.fork():
            print(child, flush=True)
        else:
            _become(json.loads(line))


def _become(arguments: list[str]) -> None:
    """The program, with nothing of this one but what it has read; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.argv = ["benhan", *arguments]
    cli.main()
    sys.exit()


if __name__ == "__main__":
    main()
