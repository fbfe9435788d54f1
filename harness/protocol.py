"""The constants of docs/protocol.md, and the presets: the sizes of a run, by name."""

from dataclasses import dataclass

from harness.errors import UserError, nearest
from harness.scenario import Sizes

PROTOCOL_VERSION = 2  # raise it when the meaning of a figure changes for every method
FOLDS = 6
VALIDATION_SHARE = 0.2
FALLBACK = "majority"  # a failed cell takes this method's score


@dataclass(frozen=True)
class Preset:
    """How much of everything; ``ranked`` says whether a board made with it ranks."""

    name: str
    sizes: Sizes
    seeds: int
    trials: int
    seconds: float
    ranked: bool
    summary: str


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("quick", Sizes(165, 55, 88), 1, 2, 120, False, "a smoke test, not ranked"),
        Preset("standard", Sizes(330, 110, 220), 6, 2, 300, True, "the official sizes"),
        Preset("full", Sizes(), 12, 16, 3600, True, "every row, a wide search"),
    )
}


def preset(name: str) -> Preset:
    """Returns a preset.

    Raises:
        UserError: none has that name.
    """
    if name not in PRESETS:
        raise UserError(f"--preset {name} is unknown; {nearest(name, list(PRESETS))}")
    return PRESETS[name]
