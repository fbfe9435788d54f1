"""``transformer:OPTIONS`` and ``text-guided:OPTIONS``: these methods with another encoder, tower or negatives."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import (
    AdaptedMethod,
    Context,
    MethodRef,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    UserError,
    nearest,
    register_method_family,
)

from ..base.encoder import REQUIRES, SHARED_STEP, TRAINED_LAYERS, EncoderTower
from ..learners.encoder import EncoderLearner
from ..text_guided import TextGuided

if TYPE_CHECKING:
    from ..neural.towers import Tower

TOWERS = ("encoder", "byte-cnn", "ngrams")


class _Variant(AdaptedMethod):
    """A method with options, some of which name an encoder."""

    @classmethod
    def names(cls, ref: MethodRef) -> str:
        """See `AdaptedMethod.names`; an encoder of the Hugging Face cache has been downloaded by the user."""
        values = [part.rpartition("=")[2] for part in ref.argument.split(":")]
        folders = [value for value in values if Path(value).is_dir()]
        return f"the encoder folder {' and '.join(folders)}" if folders else ""


@register_method_family(
    "transformer",
    version=3,
    argument="ENCODER[:trained=N|whole]",
    kinds="ranked",
    summary="transformer on any encoder, by Hugging Face id or folder; trains two layers, N, or all",
    requires=REQUIRES,
)
class TransformerVariant(_Variant):
    """The learner ``encoder`` with an encoder that the user chooses."""

    kind = "ranked"
    space = EncoderLearner.space

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        options = _options(ref, {"encoder": str, "trained": _layers}, first="encoder")
        self._learner = EncoderLearner()
        self._learner.encoder = options.get("encoder", self._learner.encoder)
        self._learner.trained = options.get("trained", TRAINED_LAYERS)
        self.shared = _shared_step(self._learner)

    def content(self) -> Mapping[str, Any]:
        """See `AdaptedMethod.content`."""
        return {"encoder": _identity(self._learner.encoder), "trained": self._learner.trained}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """See `Method.fit`."""
        return self._learner.fit(train, validation, params, context)

    def check(self) -> None:
        """See `Method.check`."""
        self._learner.check()

    def prepare(self, payloads: Payloads, context: Context) -> None:
        """See `Method.prepare`."""
        self._learner.prepare(payloads, context)

    def load(self, folder: Path, context: Context) -> Predictor:
        """See `Method.load`."""
        return self._learner.load(folder, self.space, False, context)


@register_method_family(
    "text-guided",
    version=4,
    argument="OPTION=VALUE[:…]",
    kinds="ranked",
    summary="text-guided with encoder=, text-encoder=, trained=N|whole, tower=byte-cnn|ngrams, negatives=same-carrier, "
    "text-tower=trained",
    requires=REQUIRES,
)
class TextGuidedVariant(_Variant, TextGuided):
    """`TextGuided` with encoders, tower and negatives that the user chooses."""

    kind = "ranked"

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        options = _options(
            ref,
            {
                "encoder": str,
                "text-encoder": str,
                "trained": _layers,
                "tower": _one_of(*TOWERS),
                "negatives": _one_of("none", "same-carrier"),
                "text-tower": _one_of("frozen", "trained"),
            },
            first="encoder",
        )
        self.encoder = options.get("encoder", self.encoder)
        self.text_encoder = options.get("text-encoder", self.text_encoder)
        self.trained = options.get("trained", TRAINED_LAYERS)
        self.trains_text = options.get("text-tower") == "trained"
        self._tower = options.get("tower", "encoder")
        self._hard_negatives = options.get("negatives") == "same-carrier"
        self.tags = frozenset(("text", "span") if self._hard_negatives else ("text",))
        self.shared = _shared_step(self) if self._tower == "encoder" else ""

    def content(self) -> Mapping[str, Any]:
        """See `AdaptedMethod.content`."""
        return {
            "encoder": _identity(self.encoder) if self._tower == "encoder" else "",
            "text-encoder": _identity(self.text_encoder),
            "trained": self.trained,
            "tower": self._tower,
            "negatives": self._hard_negatives,
            "trains-text": self.trains_text,
        }

    def tower(self, params: Params) -> "Tower":
        """See `EncoderMethod.tower`; the other towers have the default sizes of `byte-cnn` and `tfidf-logreg`."""
        from ..neural.towers import ByteCNN, NgramBag

        if self._tower == "byte-cnn":
            return ByteCNN(16, 128, 6, 1, params["dropout"], input=params["input"])
        if self._tower == "ngrams":
            return NgramBag(dropout=params["dropout"], input=params["input"])
        return super().tower(params)

    def negatives(self, train: TrainingData) -> Any:
        """See `TextMethod.negatives`."""
        if not self._hard_negatives:
            return None
        import torch

        from ..neural.negatives import same_carrier

        return torch.from_numpy(same_carrier(train))


def _options(ref: MethodRef, parsers: Mapping[str, Callable[[str], Any]], first: str) -> dict[str, Any]:
    """Parses ``VALUE:NAME=VALUE:…``; a part without a name is the option ``first``."""
    options: dict[str, Any] = {}
    for part in ref.argument.split(":"):
        name, _, value = part.partition("=") if "=" in part else (first, "=", part)
        if name not in parsers:
            raise UserError(f"--method {ref}: there is no option {name}; {nearest(name, list(parsers))}")
        if name in options or not value:
            raise UserError(f"--method {ref}: {name} is given {'twice' if name in options else 'without a value'}.")
        try:
            options[name] = parsers[name](value)
        except ValueError as error:
            raise UserError(f"--method {ref}: {name}={value} is not valid; {error}.") from error
    return options


def _layers(text: str) -> int | None:
    if text == "whole":
        return None
    if not text.isdigit() or int(text) < 1:
        raise ValueError("it must be a number of layers (at least 1) or whole")
    return int(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(nearest(text, list(words)).rstrip("."))
        return text

    return read


def _identity(encoder: str) -> str:
    """Returns a hash of an encoder's files, so that another model under the same name has another key."""
    from ..neural.encoders import Encoder

    return Encoder(encoder).identity


def _shared_step(method: EncoderTower) -> str:
    if method.trained is None:
        return ""
    is_default = (method.encoder, method.trained) == (EncoderTower.encoder, TRAINED_LAYERS)
    return SHARED_STEP if is_default else f"trunk of {method.encoder}, {method.trained} trained"
