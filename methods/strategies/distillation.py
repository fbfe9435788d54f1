"""distillation: trains on payloads without a class, as the class that a text classifier gives their description."""

from typing import TYPE_CHECKING

from harness import Context, Learner, Params, Predictor, Strategy, TrainingData, register_strategy

from .pseudo_labels import PSEUDO_LABEL_SPACE, fit_on_pseudo_labels

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@register_strategy(
    "distillation",
    version=1,
    kind="heavy",
    tags=("text",),
    summary="trained on payloads without a class, as a text classifier reads it in their description",
    reference="after Hinton et al. 2015, arXiv 1503.02531, with hard labels",
    requires=("sklearn.linear_model", "sklearn.feature_extraction.text"),
    contrasts=("plain", "pseudo-labels"),
)
class Distillation(Strategy):
    """The simplest use of text: a classifier of words is trained on the descriptions whose class is known.

    Where a scenario has no payload without a class, it is the plain learner, with a note.
    """

    needs = frozenset(("weights",))
    space = PSEUDO_LABEL_SPACE

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import numpy as np

        unlabelled = train.unlabelled
        if unlabelled is None or unlabelled.of_row is None:
            predictor = learner.fit(train, validation, params, context)
            predictor.note("without payloads that lack a class, this is the plain learner")
            return predictor
        by_text = text_classes(train, len(context.classes))
        shares = np.where(unlabelled.of_row[:, None] >= 0, by_text[unlabelled.of_row], 0.0).astype(np.float32)
        return fit_on_pseudo_labels(learner, train, validation, params, context, shares)


def text_classes(train: TrainingData, classes: int) -> "npt.NDArray[np.float64]":
    """Returns the class probabilities of every description, float64 (m, classes).

    The classifier is a logistic regression on TF-IDF of words and word pairs, trained on the descriptions whose class
    is known.

    Raises:
        ValueError: fewer than two classes have a description.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts = train.descriptions
    assert texts is not None
    known = np.flatnonzero(texts.labels >= 0)
    if len(np.unique(texts.labels[known])) < 2:
        raise ValueError("a text classifier requires descriptions of at least two classes")
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    rows = words.fit_transform(texts.texts)
    model = LogisticRegression(C=10.0, max_iter=300, class_weight="balanced").fit(rows[known], texts.labels[known])
    out = np.zeros((len(texts.texts), classes))
    out[:, model.classes_] = model.predict_proba(rows)
    return out
