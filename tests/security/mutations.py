"""Changes of a saved predictor's files, and a manifest that is computed anew for them."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from harness import hashing

MANIFEST = "manifest.json"
Change = Callable[[Path], None]
_REMOVED = object()
_VALUES = (-1, 2**31, 1e308, float("nan"), None, "text", _REMOVED)


def reseal(folder: Path) -> None:
    """Writes the hashes of the files and the digest anew, as anyone can."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest["files"] = {path.relative_to(folder).as_posix(): hashing.of_file(path) for path in files}
    del manifest["digest"]
    manifest["digest"] = hashing.of_json(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def change_json(path: Path, place: tuple[Any, ...], value: Any) -> None:
    """Replaces or removes one value of a JSON file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    parent = document
    for part in place[:-1]:
        parent = parent[part]
    if value is _REMOVED:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    path.write_text(json.dumps(document), encoding="utf-8")


def change_array(path: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Replaces one array of a safetensors file; removes it if ``change`` returns None."""
    arrays = dict(load_file(path))
    changed = change(arrays.pop(name))
    save_file(arrays if changed is None else {**arrays, name: np.asarray(changed, order="C")}, path)


def changes(folder: Path) -> Iterator[tuple[str, Change]]:
    """Yields changes of every value, every array and every other file of a saved predictor, each with a description."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json" and name != MANIFEST:
            yield from _of_json(path, name)
        elif path.suffix == ".safetensors":
            yield from _of_arrays(path, name)
        elif path.is_file() and name != MANIFEST:
            yield from _of_bytes(path, name)


def _of_json(path: Path, name: str) -> Iterator[tuple[str, Change]]:
    for place in _leaves(json.loads(path.read_text(encoding="utf-8"))):
        for value in _VALUES:
            text = "removed" if value is _REMOVED else repr(value)
            yield f"{name} {place} {text}", lambda f, p=place, v=value: change_json(f / name, p, v)  # type: ignore[misc]


def _leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list) and value:
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(part, (*place, key))
    else:
        yield place


def _of_arrays(path: Path, name: str) -> Iterator[tuple[str, Change]]:
    for array, content in load_file(path).items():
        for what, change in _array_changes(content):
            yield f"{name} {array} {what}", lambda f, a=array, c=change: change_array(f / name, a, c)  # type: ignore[misc]


def _array_changes(array: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    yield "removed", lambda a: None
    yield "other dtype", lambda a: a.astype(np.int8 if a.dtype == np.float64 else np.float64)
    yield "other shape", lambda a: a[None]
    if array.ndim:
        yield "truncated", lambda a: a[:-1]
    extremes: tuple[float, ...] = (-1, 2**31 - 1)
    if array.dtype.kind == "f":
        extremes = (float("nan"), float("inf"), float(np.finfo(array.dtype).max))
    elif array.dtype.kind == "u":
        extremes = (2, int(np.iinfo(array.dtype).max))
    for value in extremes:
        for index in (0, array.size - 1):
            yield f"[{index}] = {value}", lambda a, i=index, v=value: _with(a, i, v)  # type: ignore[misc]


def _with(array: Any, index: int, value: float) -> Any:
    array = array.copy()
    array.reshape(-1)[index] = value
    return array


def _of_bytes(path: Path, name: str) -> Iterator[tuple[str, Change]]:
    size, draw = path.stat().st_size, random.Random(0)
    for at in sorted(draw.sample(range(size), min(size, 60))):
        yield f"{name} cut at byte {at}", lambda f, a=at: _splice(f / name, a, size, b"")  # type: ignore[misc]
        for new in (b"\x00", b"\x7f", b"\xff"):
            yield f"{name} byte {at} = {new!r}", lambda f, a=at, n=new: _splice(f / name, a, a + 1, n)  # type: ignore[misc]


def _splice(path: Path, start: int, stop: int, new: bytes) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:start] + new + content[stop:])
