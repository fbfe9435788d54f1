"""``harness new method``: writes a plug-in file with a working method, and its test."""

import keyword
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import printing
from harness.errors import UserError

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def method(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the method: a-z, 0-9, inner hyphens.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Plug-in file (default: NAME with underscores).")
    ] = None,
) -> None:
    """Create a plug-in file with a working method, and its test.

    Existing files are not overwritten.
    """
    from importlib.metadata import packages_distributions

    from harness import registry

    if not _NAME.fullmatch(name):
        raise UserError(f"new method {name}: the name must consist of a-z, 0-9 and inner hyphens, as in my-method.")
    registry.discover()
    if name in registry.methods():
        raise UserError(
            f"new method {name}: {registry.method(name).origin} has this name already; `harness list methods` shows "
            "all names."
        )
    file = out or Path(f"{name.replace('-', '_')}.py")
    if not re.fullmatch(r"[a-z0-9._-]+\.py", file.name) or file.name.startswith("."):
        raise UserError(f"--out {file}: the file name must consist of a-z, 0-9, '.', '_' and '-' and end in .py.")
    if keyword.iskeyword(file.stem) or file.stem in {*sys.stdlib_module_names, *packages_distributions()}:
        raise UserError(f"new method {name}: {file} would hide Python's {file.stem}; name another file with --out.")
    test = file.with_name(f"test_{file.name}")
    values = {"name": name, "file": file.name}
    _write({file: _from_template("method", values), test: _from_template("test", values)})
    plugin = f"--plugin {file}"
    printing.say(f"wrote {file} and {test}; next:")
    printing.say(f"  harness check method {name} {plugin}")
    printing.say(f"  pytest {test}")
    printing.say(f"  harness run {plugin} --method {name},majority")


def _from_template(template: str, values: dict[str, str]) -> str:
    from importlib.resources import files
    from string import Template

    text = files("harness.cli").joinpath("templates", f"{template}.py.txt").read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _write(texts: dict[Path, str]) -> None:
    """Writes all files or none.

    Raises:
        UserError: one of them exists already, or cannot be written.
    """
    for path in texts:
        if path.exists():
            raise UserError(f"{path} exists already and is not overwritten; name another file with --out.")
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
