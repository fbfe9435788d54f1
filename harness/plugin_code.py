"""The code of a plug-in: its file, and the modules of the user's own that it imports."""

import ast
import importlib.machinery
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from harness import hashing

_INSTALLED = frozenset(("site-packages", "dist-packages"))
_STANDARD = tuple(Path(sysconfig.get_path(place)) for place in ("stdlib", "platstdlib"))
_NOT_OWN = frozenset(("harness", *sys.stdlib_module_names))  # the first parts of names that are not looked up


def digest(file: Path) -> str:
    """Returns the SHA-256 (hex) of a plug-in's bytes and of those of the modules that it imports.

    Raises:
        OSError: one of the files cannot be read.
    """
    return hashing.of_json({name: hashing.of_file(path) for name, path in sources(file).items()})


def sources(file: Path) -> dict[str, Path]:
    """Returns the file of a plug-in, under the empty name, and of each module of the user's own that it imports.

    Import statements are read, not run, so that modules imported inside functions count as well. Modules of the
    standard library, of this project and of installed packages do not count: versions stand for them. Neither do
    modules whose names are computed, and files of other kinds that the plug-in opens.
    """
    found = {"": file}
    waiting = [("", file)]
    while waiting:
        name, path = waiting.pop()
        for imported in _imported(path, name):
            for part, own in _own_modules(imported, file.parent):
                if part not in found:
                    found[part] = own
                    waiting.append((part, own))
    return found


def _imported(path: Path, name: str) -> Iterator[str]:
    """Yields the dotted names that a file's import statements may load: modules, and names inside of modules."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # a compiled module, or one that fails when it is imported
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(filter(None, (*above, node.module)))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _own_modules(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the modules of the user's own that importing a dotted name loads: its packages, and the module itself."""
    parts = name.split(".")
    if parts[0] in _NOT_OWN:
        return
    places: Iterable[str] | None = None
    for count, part in enumerate(parts, 1):
        # By its last part alone: for a whole name, the package would have to be imported.
        spec = _top(part, folder) if places is None else importlib.machinery.PathFinder.find_spec(part, [*places])
        if spec is None or not _is_own(spec):
            return
        if spec.has_location and spec.origin:
            yield ".".join(parts[:count]), Path(spec.origin).resolve()
        places = spec.submodule_search_locations
        if places is None:
            return


def _top(name: str, folder: Path) -> ModuleSpec | None:
    """Finds a module as an import statement would; else beside the plug-in, which may extend the path as it runs."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        spec = None
    return spec or importlib.machinery.PathFinder.find_spec(name, [str(folder)])


def _is_own(spec: ModuleSpec) -> bool:
    places = [Path(place) for place in (spec.origin if spec.has_location else None, *_folders(spec)) if place]
    return bool(places) and not any(
        _INSTALLED & set(place.parts) or any(place.is_relative_to(folder) for folder in _STANDARD) for place in places
    )


def _folders(spec: ModuleSpec) -> Iterable[str]:
    return spec.submodule_search_locations or ()
