"""Rules of the leaderboard that come from the registry and the presets: staleness, ranking presets, contrasts."""

from harness import registry
from harness.boards.build import Rules
from harness.protocol import PRESETS
from harness.records.schema import Record


def is_stale(record: Record) -> bool:
    """Whether a record was made by another version or plug-in of a registered method."""
    cell = record.cell
    version, plugin = registry.version_of(cell.method), registry.plugin_of(cell.method)
    return version not in (None, cell.method_version) or plugin not in (None, cell.plugin)


def ranks(preset: str) -> bool:
    """Whether boards of a preset rank methods; boards of unknown presets do not."""
    return preset in PRESETS and PRESETS[preset].ranked


def contrasts(method: str) -> tuple[str, ...]:
    """Returns the methods that a method's claim is tested against; none if it makes no claim or is not registered."""
    info = registry.methods().get(method)
    return info.contrasts if info else ()


def can_act(record: Record) -> bool:
    """Whether the method of a record has something to act on in its scenario.

    Methods with the tag ``groups`` balance groups or compare training environments. Only scenarios of the shift type
    spurious correlation define these: elsewhere the classes stand in for groups, and there is one environment.
    """
    return "groups" not in record.cell.tags or record.cell.shift == "spurious-correlation"


RULES = Rules(is_stale, ranks, contrasts, can_act)
