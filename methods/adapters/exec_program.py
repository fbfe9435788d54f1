"""``exec:PROGRAM``: a program of the user's that answers JSON lines, as a fixed method."""

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
from ..base.child_process import Child, Died


@register_method_family(
    "exec", version=1, argument="PROGRAM", summary="your own program, with its arguments: answers JSON lines"
)
class Exec(AdaptedMethod):
    """One process per cell, which is asked for everything that the cell predicts."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        try:
            self._words = shlex.split(ref.argument)
        except ValueError as error:
            raise UserError(f"--method {ref}: the command's quotes do not match ({error}).") from error
        self._check_program(self._words[0])

    def _check_program(self, program: str) -> None:
        path = self.ref.local_paths.get(program, Path(program))
        if "/" not in program:
            if shutil.which(program) is None:
                hint = f"write exec:./{program}" if path.is_file() else "a program of a folder is written exec:./NAME"
                raise UserError(f"--method {self.ref}: no program {program} is on the PATH; {hint}.")
        elif not path.is_file():
            raise UserError(f"--method {self.ref}: there is no file {program}.")
        elif not os.access(path, os.X_OK):
            raise UserError(
                f"--method {self.ref}: {program} may not be executed; chmod +x it, or name what runs it, as in "
                f"exec:python3 {program}."
            )

    def content(self) -> Mapping[str, Any]:
        """The bytes of the program and of every argument that names a file."""
        files = dict(self.files())
        if "/" not in self._words[0]:
            files[self._words[0]] = Path(shutil.which(self._words[0]) or self._words[0])
        bytes_of = {word: hashing.of_file(path) for word, path in files.items()}
        digest = hashing.of_json([[word, bytes_of.get(word, "")] for word in self._words])
        return {"digest": digest, "labels": dict(self.ref.labels), "timeout": self.ref.timeout}

    def files(self) -> Mapping[str, Path]:
        """Every word that names a file, but for a program that each machine finds on its own PATH."""
        words = self._words if "/" in self._words[0] else self._words[1:]
        places = {word: self.ref.local_paths.get(word, Path(word)) for word in words}
        return {word: path for word, path in places.items() if path.is_file()}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Starts the program."""
        files = self.files()
        command = [str(files[word].absolute()) if word in files else word for word in self._words]
        return _Asked(command, self.ref.timeout, Labels(self.ref.labels, train, context), context)


class _Asked(Predictor):
    def __init__(self, command: Sequence[str], timeout: float, labels: Labels, context: Context) -> None:
        self._command, self._timeout, self._charge = command, timeout, context.charge
        self._labels = labels
        self._asked = 0
        self._deaths: list[Died] = []
        self._child = self._start()

    def _start(self) -> Child:
        return Child(self._command, self._timeout, self._charge)

    @property
    def notes(self) -> Sequence[str]:
        restarted = [f"the program was started again once: {death}" for death in self._deaths]
        return [*self._labels.notes, *restarted]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        answers = Answers(payloads, self._asked, self._labels)
        self._asked += len(payloads)
        while open_ := answers.open:
            try:
                self._child.ask(map(answers.request, open_), answers.take)
            except Died as death:
                self._child.stop()
                if self._deaths:
                    left = f"{len(answers.open)} of {len(payloads)} payloads had no answer yet"
                    raise Died(f"{death}; {left}, and it had been started again once") from death
                self._deaths.append(death)
                self._child = self._start()
        return answers.table
