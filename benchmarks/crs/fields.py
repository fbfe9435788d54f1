"""Names of the fields of a file of regression tests, and access to values of any type.

Source: https://github.com/coreruleset/ftw-tests-schema, versions 1 to 3, and the fields of its predecessor in Python.
"""

from collections.abc import Mapping
from typing import Any

FILE = frozenset(("meta", "rule_id", "template", "tests"))
TEST = frozenset(
    "test_title test_id id ruleid desc description enabled tags stages "
    "payload template output".split()  # version 3: a test without stages
)
STAGE = frozenset(("description", "stage", "input", "output"))
TEMPLATE = frozenset(
    "method uri version headers data autocomplete_headers stop_magic "
    "dest_addr port protocol save_cookie".split()  # these four do not change the bytes of a request
)
INPUT = TEMPLATE | frozenset(
    "uris ordered_headers encoded_data encoded_request raw_request no_autocomplete_headers follow_redirect response "
    "virtual_host_mode".split()
)
OUTPUT = frozenset(
    "status log log_contains no_log_contains response_contains html_contains expect_error retry_once isolated".split()
)
LOG = frozenset(("expect_id", "expect_ids", "no_expect_id", "no_expect_ids", "match_regex", "no_match_regex"))


class Unusable(Exception):
    """Raised for a file, a test or a request that is left out; the message is the reason."""


def mapping(value: Any) -> Mapping[Any, Any]:
    """Returns the value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def unknown(fields: Mapping[Any, Any], known: frozenset[str]) -> list[str]:
    """Returns the names of fields that the schema does not have, in alphabetical order, cut to 40 characters."""
    return [] if fields.keys() <= known else sorted(str(name)[:40] for name in fields.keys() - known)


def refuse_unknown(place: str, fields: Mapping[Any, Any], known: frozenset[str]) -> None:
    """Raises `Unusable` for a field that the schema does not have, since it may change the bytes that are sent."""
    for name in unknown(fields, known):
        raise Unusable(f"{place} has the unknown field {name!r}")
