"""Oracles: parsers that decide whether a text is an attack, and whether two texts are the same attack.

Each module holds one grammar and the contexts into which an attack may be inserted. None of them shares code with the
module that changes attacks (`harness.perturbations`), so that neither repeats the other's mistakes. Nothing is fetched
or executed.
"""

from harness.dependencies import EXTRAS, missing_packages, missing_sentence
from harness.errors import UserError
from harness.oracles import html, paths, script, shell, sql, xml

__all__ = ["html", "paths", "require", "script", "shell", "sql", "xml"]


def require() -> None:
    """Checks that the parsers are installed, without loading them.

    Raises:
        UserError: at least one is missing.
    """
    if packages := missing_packages(EXTRAS["oracles"]):
        raise UserError(f"{missing_sentence(['perturbation tier B'], packages)}.")
