"""What today's registry says of records."""

from harness import registry
from harness.leaderboard.build import Rules
from harness.protocol import PRESETS, PROTOCOL_VERSION
from harness.records.schema import Record


def is_stale(record: Record) -> bool:
    """Whether a record was made under another protocol or by another version of a method that is registered."""
    known = registry.version_of(record.cell.method)
    older = known is not None and known != record.cell.method_version
    return older or record.cell.protocol != PROTOCOL_VERSION


def ranks(preset: str) -> bool:
    """Whether boards of a preset rank; those of unknown presets do not."""
    return preset in PRESETS and PRESETS[preset].ranked


def contrasts(method: str) -> tuple[str, ...]:
    """Returns the methods that a method's claim is tested against; none where it claims nothing, or is not there."""
    known = registry.methods().get(method)
    return known.contrasts if known else ()


RULES = Rules(is_stale, ranks, contrasts)
