"""``exec:PROGRAM``: a user's program that answers in JSON lines, as a fixed method."""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import (
    AdaptedMethod,
    Context,
    MethodRef,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    UserError,
    hashing,
    register_method_family,
)

from ..base.answers import Answers, Labels
from ..base.child_process import Child, ProgramDied


@register_method_family(
    "exec", version=1, argument="PROGRAM", summary="your own program with its arguments; reads and writes JSON lines"
)
class Exec(AdaptedMethod):
    """Runs one process per cell, which classifies all payloads of the cell."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        try:
            self._words = shlex.split(ref.argument)
        except ValueError as error:
            raise UserError(f"--method {ref}: the command's quotes do not match ({error}).") from error
        self._check_program(self._words[0])

    @classmethod
    def names(cls, ref: MethodRef) -> str:
        """See `AdaptedMethod.names`."""
        return f"the program {ref.argument}"

    def _check_program(self, program: str) -> None:
        path = self.ref.local_paths.get(program, Path(program))
        if "/" not in program:
            if shutil.which(program) is None:
                hint = f"write exec:./{program}" if path.is_file() else "for a program in this folder write exec:./NAME"
                raise UserError(f"--method {self.ref}: there is no program {program} on the PATH; {hint}.")
        elif not path.is_file():
            raise UserError(f"--method {self.ref}: there is no file {program}.")
        elif not os.access(path, os.X_OK):
            raise UserError(
                f"--method {self.ref}: {program} is not executable; run chmod +x on it, or name its interpreter, as in "
                f"exec:python3 {program}."
            )

    def content(self) -> Mapping[str, Any]:
        """Returns a hash of the program and of every argument that names a file, with labels and timeout."""
        files = dict(self.files())
        if "/" not in self._words[0]:
            files[self._words[0]] = Path(shutil.which(self._words[0]) or self._words[0])
        digests = {word: hashing.of_file(path) for word, path in files.items()}
        digest = hashing.of_json([[word, digests.get(word, "")] for word in self._words])
        return {"digest": digest, "labels": dict(self.ref.labels), "timeout": self.ref.timeout}

    def files(self) -> Mapping[str, Path]:
        """Returns every word that names a file, except a program that is found on each machine's PATH."""
        words = self._words if "/" in self._words[0] else self._words[1:]
        paths = {word: self.ref.local_paths.get(word, Path(word)) for word in words}
        return {word: path for word, path in paths.items() if path.is_file()}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Starts the program."""
        files = self.files()
        command = [str(files[word].absolute()) if word in files else word for word in self._words]
        return _ProgramPredictor(command, self.ref.timeout, Labels(self.ref.labels, train, context), context)


class _ProgramPredictor(Predictor):
    def __init__(self, command: Sequence[str], timeout: float, labels: Labels, context: Context) -> None:
        self._command, self._timeout, self._charge = command, timeout, context.charge
        self._labels = labels
        self._next_id = 0  # ids are not reused between calls, so that a late answer cannot be taken for another
        self._deaths: list[ProgramDied] = []
        self._child = self._start()

    def _start(self) -> Child:
        return Child(self._command, self._timeout, self._charge)

    @property
    def notes(self) -> Sequence[str]:
        restarted = [f"the program was started again once: {death}" for death in self._deaths]
        return [*self._labels.notes, *restarted]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        answers = Answers(payloads, self._next_id, self._labels)
        self._next_id += len(payloads)
        while ids := answers.open:
            try:
                self._child.ask(map(answers.request, ids), answers.take)
            except ProgramDied as death:
                self._child.stop()
                if self._deaths:
                    missing = f"{len(answers.open)} of {len(payloads)} payloads had no answer yet"
                    raise ProgramDied(f"{death}; {missing}, and it had been restarted once already") from death
                self._deaths.append(death)
                self._child = self._start()
        return answers.table
