"""``harness new-method``: a plug-in file to start from, and its test."""

import keyword
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UserError

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def new_method(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the method: a-z, 0-9, and hyphens between them.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The plug-in; NAME with underscores, here, by default.")
    ] = None,
) -> None:
    """Write a working method as a plug-in file, and a test beside it. Nothing is overwritten."""
    from importlib.metadata import packages_distributions

    from harness import registry

    if not _NAME.fullmatch(name):
        raise UserError(f"new-method {name}: a name of a-z and 0-9 is needed, hyphens between them, as in my-method.")
    registry.discover()
    if name in registry.methods():
        raise UserError(
            f"new-method {name}: the name is taken by {registry.method(name).origin}; `harness list methods` shows all."
        )
    file = out or Path(f"{name.replace('-', '_')}.py")
    if not re.fullmatch(r"[a-z0-9._-]+\.py", file.name) or file.name.startswith("."):
        raise UserError(f"--out {file}: a file name of a-z, 0-9, '.', '_' and '-' that ends in .py is needed.")
    if keyword.iskeyword(file.stem) or file.stem in {*sys.stdlib_module_names, *packages_distributions()}:
        raise UserError(f"new-method {name}: Python's {file.stem} would be hidden by {file}; name another with --out.")
    test = file.with_name(f"test_{file.name}")
    values = {"name": name, "file": file.name}
    _write({file: _filled("method", values), test: _filled("test", values)})
    plugin = f"--plugin {file}"
    print(f"wrote {file} and {test}; next:")
    print(f"  harness check-method {name} {plugin}")
    print(f"  pytest {test}")
    print(f"  harness run {plugin} --method {name},majority")


def _filled(template: str, values: dict[str, str]) -> str:
    from importlib.resources import files
    from string import Template

    text = files("harness.cli").joinpath("templates", f"{template}.py.txt").read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _write(texts: dict[Path, str]) -> None:
    """Writes all files or none.

    Raises:
        UserError: one of them is there already, or cannot be written.
    """
    for path in texts:
        if path.exists():
            raise UserError(f"{path} is there already, and is not overwritten; name another file with --out.")
    written = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written ({error.strerror}).") from error
