"""Compiled templates, kept beside compiled modules: a process that starts reads them instead of compiling 190 anew.

They lie where Python keeps the bytecode of this folder (`__pycache__`, or under PYTHONPYCACHEPREFIX), and are trusted
as much. Where Python writes none (PYTHONDONTWRITEBYTECODE, a folder that is not ours) nothing is kept.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache

HERE = Path(__file__).parent


class Compiled(FileSystemBytecodeCache):
    """What was compiled from a template, as long as neither it nor the kit that compiles it has changed."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(str(folder or Path(cache_from_source(str(HERE / "templates" / "any.py"))).parent))

    def get_source_checksum(self, source: str) -> str:
        """Of the template and of everything that decides what it is compiled to."""
        return hashlib.sha256(f"{_kit()} {source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """What is kept, if it is whole."""
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it, where that is possible."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                Path(self.directory).mkdir(parents=True, exist_ok=True)
                super().dump_bytecode(bucket)


@cache
def _kit() -> str:
    """The filters that Jinja works out while it compiles, its options and itself."""
    sources = b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py")))
    return f"{jinja2.__version__} {hashlib.sha256(sources).hexdigest()}"
