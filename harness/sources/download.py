"""Downloads files that are pinned by their checksum, and resumes interrupted downloads."""

import http.client
import logging
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import hashing
from harness.errors import UserError
from harness.storage import cache_entry
from harness.storage.cache_dir import cache_root

_CHUNK_BYTES = 2**20  # bytes per read
_TIMEOUT = 60  # seconds without a byte
_log = logging.getLogger(__name__)


def is_url(source: str) -> bool:
    """Whether a source is an http or https address, not a path."""
    return re.match(r"https?://", source, re.I) is not None


def download(url: str, sha256: str) -> Path:
    """Downloads a file into the cache unless it is there, and returns its path.

    Args:
        url: http or https.
        sha256: of the file's bytes, in hexadecimal digits; the cache stores the file under it.

    Raises:
        UserError: the checksum is malformed or does not match, or there is no connection, or it was interrupted. In the
            last case the partial file stays, and the next call requests the rest.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UserError(
            f"--from {url}: a download must be pinned by its checksum; add --sha256 with 64 hexadecimal digits."
        )
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2])
    path = cache_root() / "downloads" / sha256.lower()[:32] / (name.strip("-.") or "download")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cache_entry.unwritable(cache_root(), error) from error
    with cache_entry.lock(path.parent):
        if not _has_content(path, sha256.lower()):
            _finish(url, sha256.lower(), path)
    return path


def _has_content(path: Path, sha256: str) -> bool:
    """Whether a file is in the cache; one that was changed after its download is deleted, and the user is told."""
    try:
        if hashing.of_file(path) == sha256:
            return True
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(
            f"{path} cannot be read or replaced ({error.strerror}); delete it, or set HARNESS_CACHE to another folder."
        ) from error
    _log.warning("note: %s was changed after its download and is downloaded again", path)
    return False


def _finish(url: str, sha256: str, path: Path) -> None:
    """Downloads the missing bytes, checks the checksum, and moves the file to its path."""
    part = path.with_name(f"{path.name}.part")
    try:
        _fetch(url, part)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        size = part.stat().st_size if part.exists() else 0
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{url} cannot be downloaded ({reason}); {size} bytes are stored, and the same command resumes from there. "
            "Without a network, use a local file."
        ) from error
    digest = hashing.of_file(part)
    if digest != sha256:
        part.unlink()
        raise UserError(f"{url} has the checksum {digest}, not {sha256}; the downloaded file was deleted.")
    part.replace(path)


def _fetch(url: str, part: Path) -> None:
    """Appends the missing bytes to a partial file; a server without range requests sends the whole file again."""
    size = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={size}-"} if size else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if size and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the file is complete; the checksum decides
        raise
    with response, part.open("ab" if response.status == http.client.PARTIAL_CONTENT else "wb") as stream:
        expected = response.length
        count = 0
        while chunk := response.read(_CHUNK_BYTES):
            count += stream.write(chunk)
        if expected is not None and count < expected:
            raise http.client.IncompleteRead(b"", expected - count)
