"""text-guided: aligns payloads with descriptions of vulnerabilities in two contrastive stages."""

from harness import register_strategy

from ..base.encoder import REQUIRES
from ..base.text import AlignmentStrategy


@register_strategy(
    "text-guided",
    version=1,
    tags=("text",),
    summary="aligned with CVE descriptions by multi-positive InfoNCE; the nearest class text is predicted",
    reference="arXiv 2603.20181, with the objectives of arXiv 2004.11362 and 2303.15343",
    requires=REQUIRES,
    contrasts=("plain", "control-random-vectors", "control-permuted-descriptions", "control-shared-head"),
)
class TextGuided(AlignmentStrategy):
    """Searches losses and inference; uses no auxiliary cross-entropy."""
