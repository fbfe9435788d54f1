"""Builds the corpus of base rows: every core rendered several times, without cues."""

import datetime
from typing import cast

from harness import Corpus, near_duplicates

from . import cards
from .rendering import CueValues, Rendering, render

PER_CLASS = 1000


def samples(threat_class: str) -> list[tuple[str, cards.Card, int]]:
    """Returns the base rows of a class as (sample id, card, core number), cycling through its cores."""
    cores = [
        (card, number)
        for card in cards.load()
        if card.threat_class == threat_class
        for number in range(len(card.cores))
    ]
    out = []
    for index in range(PER_CLASS):
        card, number = cores[index % len(cores)]
        out.append((f"{card.cve}/{number}/{index // len(cores)}", card, number))
    return out


def render_sample(sample: str, cues: CueValues) -> Rendering:
    """Renders one base row with the given cues."""
    cve, number, _ = sample.split("/")
    card = _by_cve()[cve]
    return render(sample, card.cores[int(number)], card.endpoint, cues)


_CARDS: dict[str, cards.Card] = {}


def _by_cve() -> dict[str, cards.Card]:
    if not _CARDS:
        _CARDS.update({card.cve: card for card in cards.load()})
    return _CARDS


def build_corpus() -> Corpus:
    """Builds the payload and description tables."""
    import pyarrow as pa

    rows: list[dict[str, object]] = []
    for threat_class in dict.fromkeys(card.threat_class for card in cards.load()):
        for sample, card, number in samples(threat_class):
            core = card.cores[number]
            rendering = render(sample, core, card.endpoint, CueValues())
            rows.append(
                {
                    "sample": sample,
                    "payload": rendering.payload,
                    "label": threat_class,
                    "cve": card.cve,
                    "cwe": " ".join(card.cwe),
                    "description_id": card.cve,
                    "date": datetime.date.fromisoformat(card.date),
                    "vendor": card.vendor,
                    "product": card.product,
                    "source": "synthetic",
                    "technique": core.technique,
                    "core": f"{card.cve}/{number}",
                    "group.technique": f"{threat_class}/{core.technique}",
                    "span": [edge for span in rendering.spans for edge in span],
                }
            )
    clusters = near_duplicates.clusters(cast(bytes, row["payload"]) for row in rows)
    for row, cluster in zip(rows, clusters, strict=True):
        row["cluster"] = None if cluster < 0 else str(cluster)
    table = pa.Table.from_pylist(rows)
    texts = [*cards.load(), *cards.load_texts()]
    descriptions = pa.table(
        {
            "description_id": [text.cve for text in texts],
            "text": [text.description for text in texts],
            "label": [text.threat_class for text in texts],
            "cve": [text.cve for text in texts],
            "vendor": [text.vendor for text in texts],
            "product": [text.product for text in texts],
            "date": pa.array([datetime.date.fromisoformat(text.date) for text in texts]),
        }
    )
    return Corpus.create("synthetic", table, descriptions)
