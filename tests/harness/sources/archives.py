"""Archives for tests."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def tar(path: Path, files: Mapping[str, bytes], commit: str = "") -> Path:
    """Writes a tar archive, packed as its name says."""
    packing = {".gz": "w:gz", ".xz": "w:xz"}.get(path.suffix, "w")
    headers = {"comment": commit} if commit else {}
    with tarfile.open(path, packing, format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """Writes a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def folder(path: Path, files: Mapping[str, bytes]) -> Path:
    """Writes the files into a folder."""
    for name, data in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return path
