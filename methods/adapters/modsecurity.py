"""``modsecurity:CRS_FOLDER``: the rules of a user's checkout of the OWASP Core Rule Set, as a fixed method."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import (
    NO_OPINION,
    AdaptedMethod,
    Context,
    MethodRef,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    UserError,
    register_method_family,
    taxonomy,
)

from ..base import secrules
from ..base.answers import Labels
from ..base.rule_engine import REQUIRES, Engine, Match

NONE = "none"  # label of a request that is not scored as an attack
# Threat class of each family of rules. A family without one counts for the anomaly score only.
CLASS_OF_FAMILY = {
    "attack-sqli": "sql-injection",
    "attack-xss": "cross-site-scripting",
    "attack-lfi": "path-traversal",
    "attack-rfi": "path-traversal",
    "attack-rce": "command-injection",
    "attack-injection-php": "code-injection",
    "attack-injection-nodejs": "code-injection",
    "attack-injection-java": "deserialization",
    "attack-ssti": "template-injection",
    "attack-ssrf": "server-side-request-forgery",
    "attack-ldap": "ldap-injection",
}
# Families of whole files of the Core Rule Set, by thousands of the rules' ids. They go before the tags: rules on Java
# have the tag of command injection, and releases before 3.0 have other tags.
FAMILY_OF_FILE = {
    930: "attack-lfi",
    931: "attack-rfi",
    932: "attack-rce",
    933: "attack-injection-php",
    941: "attack-xss",
    942: "attack-sqli",
    944: "attack-injection-java",
}
# Points of a match by severity, as in the Core Rule Set (error, warning, notice, info, debug); critical: `_CRITICAL`.
_POINTS = {3: 4, 4: 3, 5: 2, 6: 0, 7: 0}
_CRITICAL = 5
_THRESHOLD = 5  # points from which the Core Rule Set takes a request for an attack


class RuleMethod(AdaptedMethod):
    """A method on the rules of a folder."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        self._folder = Path(ref.argument)
        if not self._folder.is_dir():
            raise UserError(f"--method {ref}: there is no folder {ref.argument}.")

    @classmethod
    def names(cls, ref: MethodRef) -> str:
        """See `AdaptedMethod.names`."""
        return f"the rules in {ref.argument}"

    @cached_property
    def rules(self) -> secrules.RuleFolder:
        """The rules; read when they are needed first."""
        return secrules.read(self._folder)

    def check(self) -> None:
        """Checks that libmodsecurity can read the rules."""
        Engine(self.rules)


@register_method_family(
    "modsecurity",
    version=1,
    argument="CRS_FOLDER",
    summary="the rules of your checkout of the OWASP Core Rule Set, run by libmodsecurity",
    requires=REQUIRES,
)
class ModSecurity(RuleMethod):
    """Predicts the threat class whose families of rules have the highest anomaly score."""

    def content(self) -> Mapping[str, Any]:
        """Returns the labels and a hash of all files of rules and of the lists that they read."""
        return {"digest": self.rules.digest, "labels": dict(self.ref.labels)}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains nothing; returns a predictor that evaluates the rules."""
        names = [threat_class.name for threat_class in context.classes]
        return _RulePredictor(Engine(self.rules), Verdicts(names, self.ref.labels), Labels({}, train, context))


class Verdicts:
    """Maps matches of rules to probabilities of the corpus's classes.

    Args:
        names: classes of the corpus.
        labels: classes of families that the user mapped, by family or `NONE`; the others have default classes.
    """

    def __init__(self, names: Sequence[str], labels: Mapping[str, str]) -> None:
        self._names, self._labels = names, labels
        harmless = [name for name in names if taxonomy.canonical_name(name) == "benign"]
        others = [name for name in names if name not in harmless]
        self._harmless = labels.get(NONE, harmless[0] if harmless else NO_OPINION)
        # A corpus that only says whether a request attacks; every family of rules is evidence of this.
        self._any_attack = others[0] if harmless and len(others) == 1 else None
        # Where all requests attack, a single weak match is the best evidence there is.
        self._threshold = _THRESHOLD if harmless else 1

    def answer(self, matches: Iterable[Match]) -> Mapping[str, float]:
        """Returns the probabilities of classes, or of `NO_OPINION`; proportional to their points."""
        total, points = 0, Counter[str]()
        for match in matches:
            if not (families := families_of(match)):
                continue
            worth = _POINTS.get(match.severity, _CRITICAL)
            total += worth
            for name in {self._class(family) for family in families} - {NO_OPINION}:
                points[name] += worth
        if total < self._threshold:
            return {self._harmless: 1.0}
        if not (known := points.total()):
            return {NO_OPINION: 1.0}
        return {name: worth / known for name, worth in points.items()}

    def _class(self, family: str) -> str:
        """Returns the class of the corpus for a family of rules, or `NO_OPINION`."""
        if family in self._labels:
            return self._labels[family]
        if self._any_attack:
            return self._any_attack
        if (wanted := CLASS_OF_FAMILY.get(family)) is None or wanted in self._names:
            return wanted or NO_OPINION
        return next((name for name in self._names if wanted in taxonomy.classes_within(name)), NO_OPINION)


def families_of(match: Match) -> set[str]:
    """Returns the families of a rule: that of its file in the Core Rule Set, or else its tags ``attack-…``."""
    if family := FAMILY_OF_FILE.get(match.rule // 1000):
        return {family}
    return {tag for tag in match.tags if tag.startswith("attack-")}


class _RulePredictor(Predictor):
    def __init__(self, engine: Engine, verdicts: Verdicts, labels: Labels) -> None:
        self._engine, self._verdicts, self._labels = engine, verdicts, labels

    @property
    def notes(self) -> Sequence[str]:
        return self._labels.notes

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        table = np.zeros((len(payloads), self._labels.width), dtype=np.float32)
        for number, payload in enumerate(payloads):
            table[number] = self._labels.row(self._verdicts.answer(self._engine.matches(payload)))
        return table
