"""Selects the methods of a run: by name, or as a class, an estimator or a factory in Python."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness import registry
from harness.api.home_folder import expanded
from harness.data.corpus import CorpusMeta
from harness.data.taxonomy import ANCHORS
from harness.dependencies import install_command, missing_packages, missing_sentence
from harness.errors import UserError, nearest
from harness.method import ANSWER_TIMEOUT, NO_OPINION, Method, MethodInfo, MethodRef
from harness.protocol import PROBE_LEARNER
from harness.scenario import ScenarioSpec

GROUPS: dict[str, str] = {"all": "ranked", "controls": "control", "heavy": "heavy"}
Methods = str | type[Method] | Iterable[Any] | Mapping[str, Any] | Any


def choose_methods(
    methods: Methods, labels: Mapping[str, str], timeout: float | None
) -> tuple[list[MethodInfo], list[str]]:
    """Returns the methods of a run, each once, and a note on those that are skipped.

    A method that a group brings and whose packages are not installed is skipped; one that is named itself is returned,
    so that `check_requirements` refuses it.

    Args:
        methods: comma-separated names and ``FAMILY:ARGUMENT`` references, where ``all``, ``controls`` and ``heavy``
            stand for every method of a kind, plug-ins included; or a `Method` subclass, a scikit-learn estimator, or a
            function that returns one; or several of these, in a list or in a mapping from names to them.
        labels: for ``FAMILY:ARGUMENT``, the class of each answer.
        timeout: for ``FAMILY:ARGUMENT``, seconds to wait for an answer; None for the default.

    Raises:
        UserError: a name is unknown or none is given, an object is not a method, ``labels`` or ``timeout`` are given
            and no method uses them, or every method is skipped.
    """
    infos: dict[str, MethodInfo] = {}
    skipped: dict[str, MethodInfo] = {}
    for name, value in _entries(methods):
        if isinstance(value, str) and (kind := GROUPS.get(value)):
            for info in (info for info in registry.methods().values() if info.kind == kind):
                (skipped if missing_packages(info.requires) else infos)[info.name] = info
        else:
            info = _named(value, labels, timeout) if isinstance(value, str) else _from_object(value, name, labels)
            infos[info.name] = info
    notes = not_installed(info for name, info in skipped.items() if name not in infos)
    if not infos:
        raise UserError(f"--method {methods}: {notes[0]}." if notes else "--method: name at least one method, or all.")
    option = "--labels" if labels else "--timeout" if timeout is not None else ""
    if option and not any(info.ref for info in infos.values()):
        families = ", ".join(f"{i.name}:{i.argument}" for i in registry.families().values())
        raise UserError(f"{option} applies to a classifier of your own, but --method does not name one ({families}).")
    return list(infos.values()), [f"skipped: {note}" for note in notes]


def not_installed(methods: Iterable[MethodInfo]) -> list[str]:
    """Returns sentences on the methods whose packages are missing and how to install them; none if there are none.

    One sentence for all methods that extras of the harness make work; one for each other, as plug-ins may be.
    """
    from_extras: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for info in methods:
        if packages := missing_packages(info.requires):
            (from_extras if install_command(packages) else others)[info.name] = packages
    sentences = [missing_sentence([name], packages) for name, packages in others.items()]
    if from_extras:
        union = list(dict.fromkeys(package for packages in from_extras.values() for package in packages))
        sentences.insert(0, missing_sentence(list(from_extras), union))
    return sentences


def _entries(methods: Methods) -> list[tuple[str, Any]]:
    """Splits the argument into pairs (name to show, registered name or object); the first is empty if not given."""
    if isinstance(methods, str):
        parts = dict.fromkeys(part.strip() for part in methods.split(",") if part.strip())
        return [("", part) for part in parts]
    if isinstance(methods, Mapping):
        return [(str(name), value) for name, value in methods.items()]
    if isinstance(methods, list | tuple | set | frozenset):
        return [entry for value in methods for entry in (_entries(value) if isinstance(value, str) else [("", value)])]
    return [("", methods)]


def _named(name: str, labels: Mapping[str, str], timeout: float | None) -> MethodInfo:
    family, colon, argument = expanded(name).partition(":")
    if not colon or name in registry.methods():  # a strategy on a learner has a colon as well
        return registry.method(name)
    seconds = ANSWER_TIMEOUT if timeout is None else timeout
    return registry.open_method(MethodRef(family, argument, labels, seconds))


def _from_object(value: Any, name: str, labels: Mapping[str, str]) -> MethodInfo:
    if isinstance(value, type) and issubclass(value, Method):
        registered = vars(value).get("info")
        if registered is None or (name and name != registered.name):
            return registry.unregistered_method(value, name or _dashed(value.__name__))
        info: MethodInfo = registered
        return info
    label = name or _dashed(getattr(value, "__name__", type(value).__name__))
    for family in registry.families().values():
        method = family.factory.from_object(MethodRef(family.name, label, labels), value)
        if method is not None:
            return registry.describe_adapted(method, family)
    kind = type(value).__name__ if not inspect.isclass(value) else f"the class {value.__name__}"
    raise UserError(
        f"methods: {kind} is not a method; pass a registered name, a subclass of harness.Method, a scikit-learn "
        "estimator, or a function that returns one."
    )


def _dashed(name: str) -> str:
    """Converts the name of a class or function to that of a method: MyMethod and my_method become my-method."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", "-", name.strip("_")).lower()
    return re.sub(r"[^a-z0-9-]+", "-", words).strip("-") or "unnamed"


def check_labels(labels: Mapping[str, str], corpus: CorpusMeta) -> None:
    """Checks that ``--labels`` names classes of the corpus or of the taxonomy.

    Raises:
        UserError: a class is unknown; the message names its label and the nearest classes.
    """
    classes = {NO_OPINION, *corpus.classes, *ANCHORS}
    for answer, name in labels.items():
        if name not in classes:
            raise UserError(f"--labels {answer}={name}: {name} is not a class; {nearest(name, list(corpus.classes))}")


def check_requirements(infos: Iterable[MethodInfo]) -> None:
    """Checks that the packages of each method are installed, and runs the method's own check.

    Raises:
        UserError: a package is missing, or the check of a method fails.
    """
    for info in infos:
        if packages := missing_packages(info.requires):
            raise UserError(f"{missing_sentence([info.name], packages)}.")
        info.factory().check()


def probe_work(scenarios: Iterable[ScenarioSpec], corpus: CorpusMeta) -> list[tuple[ScenarioSpec, list[MethodInfo]]]:
    """Returns all views of the scenarios, each with the method that is trained on views."""
    from harness.data.payload_parts import PROBES
    from harness.scenarios.input_views import CUES, with_view

    learner = [registry.method(PROBE_LEARNER)]
    work = []
    for spec in (spec for spec in scenarios if not spec.view):
        has_cues = corpus.cues or any(env.kind == "flip" for env in spec.environments.values())
        work += [(with_view(spec, view), learner) for view in (*PROBES, *((CUES,) if has_cues else ()))]
    return work
