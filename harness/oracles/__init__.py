"""Oracles: parsers that decide whether a text is an attack, and whether two texts are the same attack.

Each module holds one grammar and the contexts into which an attack may be inserted. None of them shares code with the
module that changes attacks (`harness.perturbations`), so that neither repeats the other's mistakes. Nothing is fetched
or executed.
"""

import importlib.util

from harness.errors import UserError
from harness.oracles import html, paths, script, shell, sql, xml

__all__ = ["html", "paths", "require", "script", "shell", "sql", "xml"]

_PACKAGES = ("bashlex", "selectolax", "sqlglot")


def require() -> None:
    """Checks that the parsers are installed, without loading them.

    Raises:
        UserError: at least one is missing.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"Tier B perturbations are checked by parsers, but {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not installed: pip install -e '.[oracles]' in the checkout."
        )
