"""Atomic writing of files, and digests of contents."""

import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path


def sha256(content: bytes | str) -> str:
    """Hex digest of some content."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hex digest of a file, which may be larger than the memory."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def digest(value) -> str:
    """Hex digest of a JSON-serialisable value; the order of its keys does not matter."""
    return sha256(json.dumps(value, sort_keys=True, ensure_ascii=False))


@contextmanager
def atomic(path: Path):
    """Yield a temporary path, renamed to `path` when the block succeeds; no half-written file remains."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a text file, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: Path, value) -> Path:
    """Write a value as JSON, atomically."""
    return write_text(path, json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def read_json(path: Path):
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))

