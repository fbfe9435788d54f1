r"""Vendor and product of the first vulnerable product that a record names.

Names are spelled as in CPE 2.3 (NIST IR 7695), where a backslash precedes punctuation: ``joomla\!``.
"""

import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from harness import sources

from .records import mappings

Names = tuple[str | None, str | None]

_VALUE = r"""((?:\\.|[^\\:\s"',;<>])+)"""  # up to the next colon that no backslash precedes
_CPE = re.compile(rf"cpe:2\.3:[aoh*-]:{_VALUE}:{_VALUE}", re.IGNORECASE)
_CPE_URI = re.compile(r"cpe:/[aoh]:([^:\s]+):([^:\s]+)", re.IGNORECASE)  # CPE 2.2
_NO_CPE_VALUES = ("*", "-")  # any, and not applicable
_NO_NAMES = ("", "n_a", "unknown", "unspecified")
_NAMES_OF_MATCH = ("criteria", "cpe23Uri", "cpe22Uri")  # NVD 2.0 and CVE JSON 5; NVD 1.1


def first_vulnerable(texts: Iterable[str]) -> Names | None:
    """Returns vendor and product of the first CPE name of which both are known, or else of which one is."""
    partly = None
    for text in texts:
        names = _names(text)
        if names and all(names):
            return names
        partly = partly or (names if names and any(names) else None)
    return partly


def _names(text: str) -> Names | None:
    if found := _CPE.search(text):
        vendor, product = found[1], found[2]
    elif found := _CPE_URI.search(text):
        vendor, product = map(_formatted, (found[1], found[2]))
    else:
        return None
    return tuple(None if name in _NO_CPE_VALUES else name for name in (vendor, product))  # type: ignore[return-value]


def _formatted(value: str) -> str:
    """Returns a value of CPE 2.2, which is percent-encoded, as CPE 2.3 spells it."""
    return re.sub(r"[^\w.\\-]", lambda found: f"\\{found[0]}", urllib.parse.unquote(value), flags=re.ASCII)


def vulnerable(configurations: Any) -> Iterator[str]:
    """Yields the CPE names of products that are vulnerable, in the order of the record.

    Args:
        configurations: ``configurations`` of the NVD, or ``cpeApplicability`` of CVE JSON 5: nested nodes with matches,
            some of which say ``vulnerable: false`` (the platform that a product runs on). Some records hold texts
            instead: CPE names, or nodes encoded as JSON.
    """
    rest = [configurations]  # a stack, since nodes may be nested deeper than Python's recursion goes
    while rest:
        part = rest.pop()
        if isinstance(part, str):
            decoded = _decoded(part)
            if decoded is None:
                yield part
            rest.append(decoded)
        elif isinstance(part, list):
            rest.extend(reversed(part))
        elif isinstance(part, dict) and part.get("negate") is not True:
            for match in mappings(part.get("cpeMatch")) + mappings(part.get("cpe_match")):
                if match.get("vulnerable") is not False:
                    yield from (text for key in _NAMES_OF_MATCH if isinstance(text := match.get(key), str))
            rest += [part.get("children"), part.get("nodes")]


def _decoded(text: str) -> Any:
    """Returns the value of a text that is a JSON object or list; None for any other text."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return sources.safe_json.loads(text, strict=False)
        except ValueError:
            return None
    return None


def affected(products: list[dict[str, Any]]) -> tuple[list[str], Names]:
    """Returns CPE names, and the spelled-out vendor and product, of the products of CVE JSON 5 that are affected."""
    products = [product for product in products if not _is_unaffected(product)]
    texts = [text for product in products for text in _texts(product.get("cpes"))]
    names = [(_spelled(product.get("vendor")), _spelled(product.get("product"))) for product in products]
    return texts, next(filter(all, names), next(filter(any, names), (None, None)))


def _is_unaffected(product: dict[str, Any]) -> bool:
    statuses = {str(version.get("status")) for version in mappings(product.get("versions"))}
    return product.get("defaultStatus") == "unaffected" and statuses <= {"unaffected"}


def _spelled(name: Any) -> str | None:
    """Returns a name in the spelling of CPE without escapes; None if it means that there is none."""
    text = re.sub(r"[^\w.-]+", "_", name.lower()) if isinstance(name, str) else ""
    return text if text not in _NO_NAMES and re.search(r"[^\W_]", text) else None


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
