"""Frozen predictors in folders: a method's own files, and a manifest of their hashes that the harness writes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness import hashing
from harness.errors import UserError
from harness.method import Context, Method, MethodInfo, Precision, Predictor
from harness.storage.shared_steps import Arrays, SharedSteps

MANIFEST = "manifest.json"


class Manifest(BaseModel):
    """What a folder holds, and what `Method.load` is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    key: str = Field(description="of the record whose predictor it is; empty outside of a run")
    method: str
    version: int
    classes: list[str]
    seed: int = Field(description="of the context")
    device: str
    precision: Precision
    files: dict[str, str] = Field(description="SHA-256 by path in the folder")
    digest: str = Field(default="", description="of everything else in this file")

    def sealed(self) -> "Manifest":
        """Returns the manifest with its own digest."""
        return self.model_copy(update={"digest": hashing.of_json(self.model_dump(exclude={"digest"}))})


def loadable(info: MethodInfo) -> bool:
    """Whether a method says how its predictors are loaded, and so is expected to save them."""
    return type(info.factory()).load is not Method.load


def keep(predictor: Predictor, info: MethodInfo, context: Context, folder: Path, key: str = "") -> None:
    """Saves a predictor into a folder that is made for it, synced to the disk; on an error nothing stays.

    Args:
        predictor: what ``fit`` returned.
        info: of its method.
        context: which the predictor was fitted with.
        folder: does not exist yet, or is empty.
        key: of the record.

    Raises:
        UserError: the predictor cannot be saved, or wrote no file, or one of the manifest's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        predictor.save(folder)
        files = _files(folder)
        if not files or MANIFEST in files:
            written = f"a file of the harness's own, {MANIFEST}" if files else "no file"
            raise UserError(f"the method {info.name}: save wrote {written}; files of its own are needed.")
        manifest = Manifest(
            key=key,
            method=info.name,
            version=info.version,
            classes=[c.name for c in context.classes],
            seed=context.seed,
            device=context.device,
            precision=context.precision,
            files=files,
        )
        (folder / MANIFEST).write_text(manifest.sealed().model_dump_json(indent=1) + "\n", encoding="utf-8")
        for name in (*files, MANIFEST):
            (folder / name).chmod(0o644)  # as records are; some libraries let nobody else read
            _sync(folder / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def restore(
    folder: Path,
    info: MethodInfo,
    key: str | None = None,
    shared: Callable[[str, str, Callable[[], Arrays]], Arrays] | None = None,
) -> tuple[Predictor, Manifest]:
    """Checks a folder against its manifest and returns the predictor.

    Args:
        folder: which `keep` filled.
        info: of the method that saved it.
        key: of the record that it must be of; None for any.
        shared: see `Context`; the cache of shared steps by default.

    Raises:
        UserError: a file is missing, cut or changed, or another method saved it, or another version of this one.
    """
    manifest = _checked(folder, key)
    saved, here = (f"version {one.version} of {name}" for one, name in ((manifest, manifest.method), (info, info.name)))
    if saved != here:
        raise UserError(f"{folder} was saved by {saved}, and here is {here}; run the cell again with --save-models.")
    context = Context.of(
        manifest.classes,
        seed=manifest.seed,
        device=manifest.device,
        precision=manifest.precision,
        shared=shared or SharedSteps(),
    )
    try:
        return info.factory().load(folder, context), manifest
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the method {info.name} cannot load what it saved in {folder} ({type(error).__name__}: {error})."
        ) from error


def _checked(folder: Path, key: str | None) -> Manifest:
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise UserError(f"{path} is no whole manifest ({error.errors()[0]['msg']}).") from error
    if manifest != manifest.sealed():
        raise UserError(f"{path} was changed after it was saved; {_AGAIN}")
    found = _files(folder)
    found.pop(MANIFEST)
    for name in sorted({*manifest.files, *found}):
        if found.get(name) != manifest.files.get(name):
            what = "is missing" if name not in found else "was changed or cut after it was saved"
            what = what if name in manifest.files else "is not of the saved model"
            raise UserError(f"{folder / name} {what}; {_AGAIN}")
    if key not in (None, manifest.key):
        raise UserError(f"{folder} holds the model of another record ({manifest.key[:16]}); {_AGAIN}")
    return manifest


_AGAIN = "remove the folder and run the cell again with --save-models."


def _files(folder: Path) -> dict[str, str]:
    """Hash of every file by its path in the folder, in the order of the paths."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashing.of_file(path) for path in paths}


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
