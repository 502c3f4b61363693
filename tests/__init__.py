"""The tests. They start Python some hundred times: what it compiled is kept, also where the machine says not to."""

import os
import sys
from pathlib import Path

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parents[1] / ".cache" / "bytecode")
    sys.dont_write_bytecode = False
