"""Requests to measure with: any number of renderings of the synthetic cards."""

import random
from typing import NamedTuple

from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.corpus import render_sample
from harness.benchmarks.synthetic.cues import CUES
from harness.benchmarks.synthetic.rendering import CueValues


class Row(NamedTuple):
    """A rendered request and its card."""

    payload: bytes
    card: cards.Card


def natural_rows(count: int) -> list[Row]:
    """Requests of the synthetic cards, eight at a time of one core: half of them under seven cues, half under three."""
    cores = [(card, f"{card.cve}/{number}") for card in cards.load() for number in range(len(card.cores))]
    rng = random.Random(0)
    out = []
    for row in range(count):
        turn, core = divmod(row // 8, len(cores))
        cues = {name: rng.choice(cue.values) for name, cue in CUES.items()}
        shown = cues if row % 2 else {name: cues[name] for name in ("host", "token", "proof")}
        card, name = cores[core]
        out.append(Row(render_sample(f"{name}/{4 * turn + row % 4}", CueValues(**shown)).payload, card))
    return out


def natural(count: int) -> list[bytes]:
    """The payloads of `natural_rows`."""
    return [row.payload for row in natural_rows(count)]
