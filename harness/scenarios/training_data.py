"""The training and validation data of a method: only what its tags allow (groups, cues, spans, descriptions)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.data.corpus import Corpus
from harness.method import Tag, TrainingData, Unlabelled
from harness.scenario import Environment, Rendered, Rows, Scenario
from harness.scenarios import training_texts

Codes = dict[str, Rows]


def with_groups(
    scenario: Scenario, parts: tuple[TrainingData, TrainingData], rendered: Sequence[Rendered]
) -> tuple[TrainingData, TrainingData]:
    """Returns training and validation data with groups, environments and cues, for group-aware methods.

    Groups are those of the scenario, or the classes if it defines none. Environments are the sources of the rows, or a
    single one without sources; `group_notes` describes both.

    Args:
        scenario: the scenario of one seed.
        parts: training and validation data.
        rendered: the rendered payloads of both, with their cues.
    """
    sides = (scenario.train, scenario.validation)
    environments = _numbered([_sources(environment) for environment in sides])
    cues = cue_codes([part.cues for part in rendered])
    train, validation = (
        replace(
            part,
            groups=(part.labels if environment.groups is None else environment.groups).astype(np.int64),
            environments=numbers,
            cues=codes,
        )
        for part, environment, numbers, codes in zip(parts, sides, environments, cues, strict=True)
    )
    return train, validation


def group_notes(scenario: Scenario, train: TrainingData) -> tuple[str, ...]:
    """Returns a sentence on what the groups are and, if training has a single environment, one on that."""
    name = scenario.spec.name
    groups = (
        f"{name}: groups are the class and {scenario.grouped_by}"
        if scenario.grouped_by
        else f"{name}: defines no groups; group-aware methods use the class labels as groups"
    )
    if train.environments is None or len(np.unique(train.environments)) > 1:
        return (groups,)
    return groups, f"{name}: training has one source; methods that use environments get a single one"


def cue_codes(cues: Sequence[Mapping[str, Sequence[str | None]]]) -> list[Codes]:
    """Returns the cue values of several parts as integer codes.

    Args:
        cues: for each part, the values of its rows by cue; None for a row without a value.

    Returns:
        For each part int64 (rows,) by cue; a value has the same code in every part, -1 means no value.
    """
    names = list(dict.fromkeys(name for part in cues for name in part))
    out: list[Codes] = [{} for _ in cues]
    for name in names:
        values = sorted({value for part in cues for value in part[name] if value is not None})
        number: dict[str | None, int] = {None: -1, **{value: code for code, value in enumerate(values)}}
        for codes, part in zip(out, cues, strict=True):
            codes[name] = np.array([number[value] for value in part[name]], dtype=np.int64)
    return out


def _labels(corpus: Corpus, part: Environment) -> Rows:
    return (corpus.labels[part.rows] if part.labels is None else part.labels).copy()


def _sources(environment: Environment) -> Rows:
    return np.zeros_like(environment.rows) if environment.sources is None else environment.sources


def _numbered(parts: list[Rows]) -> list[Rows]:
    """Renumbers the sources of both parts from 0; rows without a source share a number of their own."""
    _, numbers = np.unique(np.concatenate(parts), return_inverse=True)
    return [part.astype(np.int64) for part in np.split(numbers, [len(parts[0])])]


def training_and_validation(
    corpus: Corpus, scenario: Scenario, tags: frozenset[Tag]
) -> tuple[TrainingData, TrainingData]:
    """Returns copies of the training and validation data that a method with these tags may see.

    They hold no reference to the corpus, so that a method cannot reach test rows through them.
    """
    parts = (scenario.train, scenario.validation)
    rendered = [part.rendered(corpus) for part in parts]
    train, validation = (
        TrainingData(
            payloads=content.payloads,
            labels=_labels(corpus, part),
            spans=tuple(tuple(span or ()) for span in content.spans) if "span" in tags else None,
        )
        for part, content in zip(parts, rendered, strict=True)
    )
    if scenario.unlabelled is not None:
        train = replace(train, unlabelled=Unlabelled(scenario.unlabelled.render(corpus)))
    if "text" in tags:
        train = training_texts.with_descriptions(train, corpus, scenario)
        validation = replace(
            validation, descriptions=training_texts.descriptions_of_rows(corpus, scenario.validation.rows)
        )
    if "groups" in tags:
        train, validation = with_groups(scenario, (train, validation), rendered)
    return train, validation
