"""The figures of every environment of a cell, from its predictions: its own, and those against another environment."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from harness.data.corpus import Corpus
from harness.evaluation import metrics
from harness.scenario import NEUTRAL, SEEN, UNSEEN, Environment, Rows
from harness.scenarios.perturbed import ATTACK, EXCISED

Tables = Mapping[str, npt.NDArray[np.float32]]
Falls = npt.NDArray[np.float64]


def figures(corpus: Corpus, environments: Mapping[str, Environment], tables: Tables) -> dict[str, dict[str, float]]:
    """Returns the metrics of each environment.

    Args:
        corpus: of the environments.
        environments: by name; derived ones beside their base.
        tables: class probabilities by name of the environment, float32 (rows, classes).
    """
    predicted = {name: table.argmax(axis=1) for name, table in tables.items()}
    classes = len(corpus.classes)
    out = {}
    for name, environment in environments.items():
        truth = corpus.labels[environment.rows]
        out[name] = metrics.summary(tables[name], truth, classes)
        if environment.target is not None:
            out[name] |= metrics.cue_rates(predicted[NEUTRAL], predicted[name], environment.target)
        if environment.base:
            base = same_rows(environments[environment.base].rows, environment.rows)
            before = predicted[environment.base][base]
            out[name] |= metrics.against_base(truth, before, predicted[name], environment.draws, classes)
    if SEEN in environments and UNSEEN in environments:
        both = (out[name]["balanced_accuracy"] for name in (SEEN, UNSEEN))
        out[UNSEEN]["harmonic_mean"] = metrics.harmonic_mean(*both)
    if EXCISED in environments and ATTACK in environments:
        attack, carrier, share = occlusion(corpus, environments, tables)
        attribution = metrics.share_of(float(attack.sum()), float(carrier.sum()))
        out[EXCISED] |= {"attack_attribution": attribution, "attack_share": float(share.mean())}
    return out


def same_rows(base: Rows, rows: Rows) -> Rows:
    """Returns the places of rows in the base environment, which holds each of them once."""
    order = np.argsort(base, kind="stable")
    places: Rows = order[np.searchsorted(base[order], rows)]
    return places


def occlusion(corpus: Corpus, environments: Mapping[str, Environment], tables: Tables) -> tuple[Falls, Falls, Falls]:
    """Returns how much of each prediction hangs on the attack's bytes, and how many of the payload's they are.

    Args:
        corpus, environments, tables: as above, with `EXCISED` and `ATTACK`.

    Returns:
        float64 (n,) each, one per row of those two: the fall of the predicted class's probability without the attack
        and with the attack alone, and the attack's share of the payload's length.
    """
    without, alone = environments[EXCISED], environments[ATTACK]
    whole = environments[without.base]
    base = same_rows(whole.rows, without.rows)
    lengths = whole.render(corpus).lengths[base]
    falls = metrics.occlusion(tables[without.base][base], tables[EXCISED], tables[ATTACK])
    return *falls, alone.render(corpus).lengths / lengths
