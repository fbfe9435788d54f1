"""What a value of a data file means: whether it is missing, and the one spelling of a CVE, a date or a label.

Every reader and `Corpus.create` use these functions, so that a value means the same in every format.
"""

import datetime
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# Texts that stand for a missing value in exports of spreadsheets, databases and programs; compared without regard to
# case and surrounding white space. A label may well be ``none`` or ``n/a``, the class of benign requests, so fewer
# texts stand for a missing label.
_MISSING_LABELS = frozenset(("", "nan", "-nan", "nat", "null", "(null)", "<na>", "#n/a", "\\n"))
_MISSING = _MISSING_LABELS | frozenset(
    ("na", "n/a", "n.a.", "none", "nil", "undefined", "unknown", "unspecified", "-", "--", "?")
)
_LONGEST = max(map(len, _MISSING))
_SEPARATORS = r"\s_:\-\u2010-\u2015\u2212"  # also dashes and the minus sign that word processors put in
_CVE = re.compile(
    rf"(?<![0-9a-z])CVE[{_SEPARATORS}]{{0,9}}((?:19|20)[0-9]{{2}})[{_SEPARATORS}]{{1,9}}([0-9]{{1,19}})(?![0-9])", re.I
)
_CVE_NUMBER = re.compile(r"(?:19|20)[0-9]{2}-[0-9]{4,19}")  # a CVE id without its prefix

_YEARS = range(1900, 3000)  # of dates without separators; other digits are rather the seconds or days of an epoch
_TIME = (
    r"(?:[01][0-9]|2[0-4])(?::?[0-5][0-9](?::?[0-6][0-9](?:[.,][0-9]+)?)?)?"
    r"\s?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?(?:\sUTC)?)?(?:\[[A-Za-z0-9_/+-]+\])?"
)
_SEPARATED = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})(?:-([0-9]{{2}})(?:(?:T|\s){_TIME})?)?", re.I)
_COMPACT = re.compile(rf"([0-9]{{4}})(?:([0-9]{{2}})([0-9]{{2}})(?:T{_TIME})?)?", re.I)
_WEEK = re.compile(r"[0-9]{4}-W[0-9]{2}-[1-7]")


def is_null(value: Any) -> bool:
    """Whether a value is None, NaN or NaT."""
    try:
        return value is None or bool(value != value)  # NaN and NaT are the values that differ from themselves
    except (TypeError, ValueError):  # an array has no single truth value
        return False


def is_missing(text: str) -> bool:
    """Whether the text of a unit (CVE, vendor, group …), a date or a description stands for a missing value.

    Example: ``is_missing(" N/A")`` returns True.
    """
    name = text.strip()
    return len(name) <= _LONGEST and name.casefold() in _MISSING


def is_missing_label(text: str) -> bool:
    """Whether the text of a label or a cue stands for a missing value; ``none`` and ``n/a`` do not."""
    name = text.strip()
    return len(name) <= _LONGEST and name.casefold() in _MISSING_LABELS


def label(text: str) -> str | None:
    """Returns a label without surrounding white space; None if it is missing."""
    return None if is_missing_label(text) else text.strip()


def unit(text: str) -> str | None:
    """Returns the one spelling of a unit, such as a vendor or a group; None if it is missing.

    Surrounding white space is removed, and a CVE id gets the form ``CVE-2021-44228``.
    """
    if is_missing(text):
        return None
    name = text.strip()
    match = _CVE.fullmatch(name)
    return _cve_id(match) if match else name


def cve(text: str) -> str | None:
    """Returns the CVE ids that a text contains, in the form ``CVE-2021-44228``; None if it is missing.

    Case, surrounding text and the kind of separator do not matter, and the prefix ``CVE`` may be absent. Several ids
    are sorted and joined by a space. A text without a CVE id, such as that of another database, only loses surrounding
    white space.

    Example: ``cve("cve_2021_44228 ")`` returns ``"CVE-2021-44228"``.
    """
    if is_missing(text):
        return None
    name = text.strip()
    ids = {_cve_id(match) for match in _CVE.finditer(name)}
    if ids:
        return " ".join(sorted(ids))
    return f"CVE-{name}" if _CVE_NUMBER.fullmatch(name) else name


def cves(name: str) -> list[str]:
    """Returns the CVE ids in a result of `cve`, at least one; a name that contains none is returned as it is."""
    parts = name.split(" ")
    return parts if all(map(_CVE.fullmatch, parts)) else [name]


def _cve_id(match: "re.Match[str]") -> str:
    return f"CVE-{match[1]}-{match[2]}"


def day(value: Any) -> datetime.date | None:
    """Returns the day of a date, of a date and time, of an ISO 8601 text or of a year; None if it is missing.

    A year is its first day, a month (``2024-05``) its first day. The time of day and its zone are checked and ignored.

    Raises:
        ValueError: it is none of these, such as the seconds since 1970.
    """
    if is_null(value):
        return None
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    text = str(value).strip()
    if is_missing(text):
        return None
    try:
        return _day(text)
    except ValueError as error:
        hint = "; convert Unix times to dates" if re.fullmatch(r"-?[0-9]{5,}(?:\.[0-9]*)?", text) else ""
        raise ValueError(f"the date {text[:40]!r} is neither a year nor ISO 8601{hint}") from error


def _day(text: str) -> datetime.date:
    if match := _SEPARATED.fullmatch(text):
        return datetime.date(int(match[1]), int(match[2]), int(match[3] or 1))
    if match := _COMPACT.fullmatch(text):
        if int(match[1]) in _YEARS:
            return datetime.date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    elif _WEEK.fullmatch(text):
        return datetime.date.fromisoformat(text)
    raise ValueError(text)


def converted(column: "pa.ChunkedArray", convert: Callable[[str], str | None]) -> "pa.ChunkedArray":
    """Returns a text column with each value converted; a column that does not change is returned as it is.

    Each distinct value is converted once, so that a column of a million rows with few values takes no time.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    distinct = column.unique().to_pylist()
    results = [None if value is None else convert(value) for value in distinct]
    if results == distinct:
        return column
    places = pc.index_in(column, value_set=pa.array(distinct, pa.string()))
    return pc.take(pa.array(results, pa.string()), places)
