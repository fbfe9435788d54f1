"""Downloads that are pinned by their checksum and go on where they were cut off."""

import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import hashing
from harness.errors import UserError
from harness.storage.cache_dir import cache_root

_PIECE = 2**20  # bytes read at a time
_TIMEOUT = 60  # seconds without a byte


def is_url(place: str) -> bool:
    """Whether a place is the address of a download."""
    return re.match(r"https?://", place, re.I) is not None


def download(url: str, sha256: str) -> Path:
    """Returns the file of an address, from the cache where it is there.

    Args:
        url: http or https.
        sha256: of the file's bytes, in hexadecimal digits; what is kept is kept under it.

    Raises:
        UserError: the checksum is malformed or another one, there is no connection, or it was cut off; what came of
            the file stays then, and the next call asks for the rest.
    """
    import filelock

    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UserError(
            f"--from {url}: a download is pinned by its checksum; give --sha256 with 64 hexadecimal digits."
        )
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2])
    place = cache_root() / "downloads" / sha256.lower()[:32] / (name.strip("-.") or "download")
    place.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{place.parent}.lock"):
        if not place.exists():
            _finish(url, sha256.lower(), place)
    return place


def _finish(url: str, sha256: str, place: Path) -> None:
    part = place.with_name(f"{place.name}.part")
    try:
        _fetch(url, part)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        have = part.stat().st_size if part.exists() else 0
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{url} cannot be downloaded ({reason}); {have} bytes are there, and the same command goes on from them. "
            "Without a network, name a file that you have."
        ) from error
    found = hashing.of_file(part)
    if found != sha256:
        part.unlink()
        raise UserError(f"{url} has the checksum {found}, not {sha256}; what was downloaded is dropped.")
    part.replace(place)


def _fetch(url: str, part: Path) -> None:
    """Appends to a partial file what is missing; a server that cannot begin there sends all of it again."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing, as the checksum will tell
        raise
    with response, part.open("ab" if response.status == http.client.PARTIAL_CONTENT else "wb") as stream:
        expected = response.length
        count = 0
        while piece := response.read(_PIECE):
            count += stream.write(piece)
        if expected is not None and count < expected:
            raise http.client.IncompleteRead(b"", expected - count)
