"""How far `synthetic` carries to real requests, and back. ``python -m tests.tools.realism [B]`` prints the table.

The products of nuclei_dev are halved by hash parity. Half A may shape the benchmark; half B is for one look at the end,
and no payload CVE of `synthetic` is of a product of half B. Rows whose CVE is in `synthetic` are left out.
"""

import gzip
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from harness.benchmarks.synthetic.cues import CueModel
from harness.benchmarks.synthetic.scenarios import CueTransform

from harness import Payloads, TrainingData, registry, space
from harness.evaluation.metrics import confusion, macro_f1
from tests.conftest import SHARED
from tests.tools import figures, golden

FAMILY = {
    "sql-injection": "sqli",
    "cross-site-scripting": "xss",
    "path-traversal": "path_traversal",
    "command-injection": "command_injection",
    "code-injection": "code_injection",
    "template-injection": "code_injection",
    "server-side-request-forgery": "ssrf_xxe",
    "xml-external-entity": "ssrf_xxe",
    "file-upload": "file_upload",
    "open-redirect": "open_redirect",
}
FAMILIES = tuple(sorted(set(FAMILY.values())))
REAL = SHARED / "nuclei_dev.jsonl.gz"


def half(product: str) -> str:
    """The half that a product belongs to."""
    return "AB"[hashlib.sha256(product.lower().encode()).digest()[0] & 1]


def nuclei_rows(path: Path = REAL) -> list[dict[str, Any]]:
    """Attack requests of the shared families that name a product."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    roles = ("single", "attack_step")
    return [r for r in rows if r["role"] in roles and r["family"] in FAMILIES and r["product"]]


def nuclei_half(name: str, without: set[str], path: Path = REAL) -> TrainingData:
    """The requests of one half, without those of the given CVEs."""
    rows = [r for r in nuclei_rows(path) if half(r["product"]) == name and r["cve"] not in without]
    payloads = Payloads.from_list(r["payload"].encode("utf-8", "surrogatepass") for r in rows)
    return TrainingData(payloads, np.array([FAMILIES.index(r["family"]) for r in rows]))


def synthetic_rows() -> tuple[TrainingData, set[str]]:
    """Every row of the shared families under cues that tell nothing, and the CVEs of `synthetic`."""
    _, corpus = figures.open_synthetic()
    names = [FAMILY.get(corpus.classes[label]) for label in corpus.labels]
    kept = np.array([i for i, name in enumerate(names) if name is not None])
    rng = np.random.default_rng(0)
    cues = CueModel(len(corpus.classes), rng).training(corpus.labels[kept], 0.0, rng)
    labels = np.array([FAMILIES.index(names[i]) for i in kept])
    return TrainingData(CueTransform(kept, cues)(corpus).payloads, labels), set(corpus.table.column("cve").to_pylist())


def transfer(train: TrainingData, test: TrainingData) -> tuple[float, dict[str, float]]:
    """Macro-F1 and F1 per family of `tfidf-logreg`, default configuration, trained on one and tested on the other."""
    method = registry.method("tfidf-logreg").factory()
    with tempfile.TemporaryDirectory() as root:
        context = golden.context(FAMILIES, Path(root))
        predictor = method.fit(train, train, space.defaults(method.space), context)
    counts = confusion(test.labels, predictor.predict_proba(test.payloads).argmax(1), len(FAMILIES))
    each = 2 * np.diag(counts) / np.maximum(1, counts.sum(0) + counts.sum(1))
    return macro_f1(counts), {name: round(float(f), 2) for name, f in zip(FAMILIES, each, strict=True)}


def main() -> None:
    """Prints the transfer to and from half A, and from and to half B when it is named."""
    synthetic, cves = synthetic_rows()
    halves = {name: nuclei_half(name, cves) for name in ("A", *sys.argv[1:])}
    for name, data in halves.items():
        for label, pair in ((f"synthetic → {name}", (synthetic, data)), (f"{name} → synthetic", (data, synthetic))):
            mean, each = transfer(*pair)
            print(f"{label}: {mean:.3f} {each}")


if __name__ == "__main__":
    main()
