"""What methods with the tag ``groups`` are told beside labels: groups, training environments and cue values."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.data.corpus import Corpus
from harness.method import Tag, TrainingData
from harness.scenario import Environment, Rendered, Rows, Scenario
from harness.scenarios import training_texts

Codes = dict[str, Rows]


def with_groups(
    scenario: Scenario, parts: tuple[TrainingData, TrainingData], rendered: Sequence[Rendered]
) -> tuple[TrainingData, TrainingData]:
    """Returns training and validation data with groups, environments and cues.

    Groups are the scenario's, environments its sources. Where it has none, groups are the classes and there is one
    environment; `notes` says so.

    Args:
        scenario: the draw.
        parts: training and validation.
        rendered: the same, as they were rendered.
    """
    ours = (scenario.train, scenario.validation)
    environments = _numbered([_sources(environment) for environment in ours])
    cues = cue_codes([shown.cues for shown in rendered])
    train, validation = (
        replace(
            part,
            groups=(part.labels if environment.groups is None else environment.groups).astype(np.int64),
            environments=numbers,
            cues=codes,
        )
        for part, environment, numbers, codes in zip(parts, ours, environments, cues, strict=True)
    )
    return train, validation


def group_notes(scenario: Scenario, train: TrainingData) -> tuple[str, ...]:
    """Returns one sentence each on what the groups are, and on the training environments where there is one only."""
    name = scenario.spec.name
    said = (
        f"{name}: groups are the class and {scenario.grouped_by}"
        if scenario.grouped_by
        else f"{name}: it has no groups, so methods that are told groups are told the classes in their stead"
    )
    if train.environments is None or len(np.unique(train.environments)) > 1:
        return (said,)
    return said, f"{name}: training has one source, so methods that are told environments are told of one"


def cue_codes(shown: Sequence[Mapping[str, Sequence[str | None]]]) -> list[Codes]:
    """Returns cue values as numbers, the same number for the same value in every part, -1 for none.

    Args:
        shown: per part what its rows show of each cue.
    """
    names = list(dict.fromkeys(name for part in shown for name in part))
    out: list[Codes] = [{} for _ in shown]
    for name in names:
        known = sorted({value for part in shown for value in part[name] if value is not None})
        number: dict[str | None, int] = {None: -1, **{value: code for code, value in enumerate(known)}}
        for codes, part in zip(out, shown, strict=True):
            codes[name] = np.array([number[value] for value in part[name]], dtype=np.int64)
    return out


def _sources(environment: Environment) -> Rows:
    return np.zeros_like(environment.rows) if environment.sources is None else environment.sources


def _numbered(parts: list[Rows]) -> list[Rows]:
    """Numbers the values of both parts from 0; rows whose source is not known form one of their own."""
    _, numbers = np.unique(np.concatenate(parts), return_inverse=True)
    return [part.astype(np.int64) for part in np.split(numbers, [len(parts[0])])]


def training_and_validation(
    corpus: Corpus, scenario: Scenario, tags: frozenset[Tag]
) -> tuple[TrainingData, TrainingData]:
    """Copies what a method with these tags may see of training and validation; nothing refers back to the corpus."""
    parts = (scenario.train, scenario.validation)
    rendered = [part.rendered(corpus) for part in parts]
    train, validation = (
        TrainingData(
            payloads=shown.payloads,
            labels=corpus.labels[part.rows].copy(),
            spans=tuple(tuple(span or ()) for span in shown.spans) if "span" in tags else None,
        )
        for part, shown in zip(parts, rendered, strict=True)
    )
    if "text" in tags:
        train = replace(train, descriptions=training_texts.training_descriptions(corpus, scenario))
        validation = replace(
            validation, descriptions=training_texts.descriptions_of_rows(corpus, scenario.validation.rows)
        )
    if "groups" in tags:
        train, validation = with_groups(scenario, (train, validation), rendered)
    return train, validation
