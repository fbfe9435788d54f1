"""``transformer:`` and ``text-guided:`` on another encoder, or with other parts, than the methods of those names."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from harness import AdaptedMethod, MethodRef, Params, TrainingData, UserError, nearest, register_method_family

from ..base.encoder import LAYERS, REQUIRES, SHARED, EncoderMethod
from ..text_guided import TextGuided
from ..transformer import Transformer

if TYPE_CHECKING:
    from ..neural.towers import Tower

TOWERS = ("encoder", "byte-cnn", "ngrams")


@register_method_family(
    "transformer",
    version=2,
    argument="ENCODER[:trained=N|whole]",
    kinds="ranked",
    summary="transformer on any encoder, by Hugging Face id or folder; two layers, N or all of them trained",
    requires=REQUIRES,
)
class ChosenTransformer(AdaptedMethod, Transformer):
    """The supervised transformer on an encoder of the user's choice."""

    kind = "ranked"

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        given = _options(ref, {"encoder": str, "trained": _layers}, first="encoder")
        self.encoder = given.get("encoder", self.encoder)
        self.trained = given.get("trained", LAYERS)
        self.shared = _shared(self)

    def content(self) -> Mapping[str, Any]:
        """See `AdaptedMethod.content`."""
        return {"encoder": _identity(self.encoder), "trained": self.trained}


@register_method_family(
    "text-guided",
    version=3,
    argument="OPTION=VALUE[:…]",
    kinds="ranked",
    summary="text-guided with encoder=, text-encoder=, trained=N|whole, tower=byte-cnn|ngrams, negatives=same-carrier, "
    "text-tower=trained",
    requires=REQUIRES,
)
class ChosenTextGuided(AdaptedMethod, TextGuided):
    """The text-guided method with towers and negatives of the user's choice."""

    kind = "ranked"

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        given = _options(
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
        self.encoder = given.get("encoder", self.encoder)
        self.text_encoder = given.get("text-encoder", self.text_encoder)
        self.trained = given.get("trained", LAYERS)
        self.trains_text = given.get("text-tower") == "trained"
        self._tower = given.get("tower", "encoder")
        self._hard = given.get("negatives") == "same-carrier"
        self.tags = frozenset(("text", "span") if self._hard else ("text",))
        self.shared = _shared(self) if self._tower == "encoder" else ""

    def content(self) -> Mapping[str, Any]:
        """See `AdaptedMethod.content`."""
        return {
            "encoder": _identity(self.encoder) if self._tower == "encoder" else "",
            "text-encoder": _identity(self.text_encoder),
            "trained": self.trained,
            "tower": self._tower,
            "negatives": self._hard,
            "trains-text": self.trains_text,
        }

    def tower(self, params: Params) -> "Tower":
        """See `EncoderMethod.tower`; the others have the sizes that `byte-cnn` and `tfidf-logreg` begin with."""
        from ..neural.towers import ByteCNN, NgramBag

        if self._tower == "byte-cnn":
            return ByteCNN(16, 128, 6, 1, params["dropout"])
        if self._tower == "ngrams":
            return NgramBag(dropout=params["dropout"])
        return super().tower(params)

    def negatives(self, train: TrainingData) -> Any:
        """See `TextMethod.negatives`."""
        if not self._hard:
            return None
        import torch

        from ..neural.negatives import same_carrier

        return torch.from_numpy(same_carrier(train))


def _options(ref: MethodRef, known: Mapping[str, Callable[[str], Any]], first: str) -> dict[str, Any]:
    """Reads ``VALUE:NAME=VALUE:…``; a part without a name is the option ``first``."""
    found: dict[str, Any] = {}
    for part in ref.argument.split(":"):
        name, _, value = part.partition("=") if "=" in part else (first, "=", part)
        if name not in known:
            raise UserError(f"--method {ref}: there is no option {name}; {nearest(name, list(known))}")
        if name in found or not value:
            raise UserError(f"--method {ref}: {name} is given {'twice' if name in found else 'without a value'}.")
        try:
            found[name] = known[name](value)
        except ValueError as error:
            raise UserError(f"--method {ref}: {name}={value} is wrong; {error}.") from error
    return found


def _layers(text: str) -> int | None:
    if text == "whole":
        return None
    if not text.isdigit() or int(text) < 1:
        raise ValueError("a number of layers from 1, or whole, is needed")
    return int(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(nearest(text, list(words)).rstrip("."))
        return text

    return read


def _identity(encoder: str) -> str:
    """The content of an encoder's files, so that another model under the same name is another method."""
    from ..neural.encoders import Encoder

    return Encoder(encoder).identity


def _shared(method: EncoderMethod) -> str:
    if method.trained is None:
        return ""
    as_built = (method.encoder, method.trained) == (EncoderMethod.encoder, LAYERS)
    return SHARED if as_built else f"trunk of {method.encoder}, {method.trained} trained"
