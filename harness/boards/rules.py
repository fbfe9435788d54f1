"""Rules of the leaderboard that come from the registry and the presets: staleness, ranking presets, contrasts."""

from harness import registry
from harness.boards.build import Rules
from harness.protocol import PRESETS, PROTOCOL_VERSION
from harness.records.schema import Record

# Claims of methods that records of protocol 2 have and that are not registered any more: strategies, all on byte-cnn
# but for text-guided, which was on the encoder.
_FORMER_CONTRASTS = {
    **dict.fromkeys(("cnc", "dfr", "group-dro", "jtt", "rwg"), ("byte-cnn",)),
    **dict.fromkeys(("coral", "irm", "v-rex"), ("control-no-penalty", "byte-cnn")),
    "carrier-mix": ("control-more-passes", "byte-cnn"),
    "text-guided": (
        "transformer",
        "control-random-vectors",
        "control-permuted-descriptions",
        "control-shared-head",
    ),
}


def is_stale(record: Record) -> bool:
    """Whether a record was made by another version or plug-in of a registered method.

    A record of an older protocol is not: its board compares records of that protocol, and no cell of it runs again.
    """
    cell = record.cell
    if cell.protocol < PROTOCOL_VERSION:
        return False
    version, plugin = registry.version_of(cell.method), registry.plugin_of(cell.method)
    return version not in (None, cell.method_version) or plugin not in (None, cell.plugin)


def ranks(preset: str) -> bool:
    """Whether boards of a preset rank methods; boards of unknown presets do not."""
    return preset in PRESETS and PRESETS[preset].ranked


def contrasts(method: str) -> tuple[str, ...]:
    """Returns the methods that a method's claim is tested against; none if it makes no claim or is not registered."""
    info = registry.methods().get(method)
    return info.contrasts if info else _FORMER_CONTRASTS.get(method, ())


def can_act(record: Record) -> bool:
    """Whether the method of a record has something to act on in its scenario.

    Methods with the tag ``groups`` balance groups or compare training environments. Only scenarios of the shift type
    spurious correlation define these: elsewhere the classes stand in for groups, and there is one environment.
    """
    return "groups" not in record.cell.tags or record.cell.shift == "spurious-correlation"


RULES = Rules(is_stale, ranks, contrasts, can_act)
