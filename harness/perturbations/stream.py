"""Independent random streams for each payload and perturbation: there are many, and each gives only a few numbers."""

import random
from hashlib import blake2b

_BITS = 512  # of one digest


class Stream(random.Random):
    """A `random.Random` whose bits are digests (BLAKE2b, RFC 7693) of names and a counter.

    To seed a Mersenne Twister and draw its first number takes longer than most perturbations. A stream costs nothing
    before its first number, and its bits are the same in every process.
    """

    def begin(self, *names: object) -> "Stream":
        """Restarts at the beginning of the stream of these names, and returns itself."""
        self._names, self._digests, self._bits, self._left = names, 0, 0, 0
        return self

    def getrandbits(self, k: int, /) -> int:
        """Returns the next k bits as an integer."""
        while self._left < k:
            text = "\0".join(map(str, (*self._names, self._digests)))
            digest = blake2b(text.encode("utf-8", "surrogatepass")).digest()
            self._bits |= int.from_bytes(digest, "little") << self._left
            self._left += _BITS
            self._digests += 1
        number = self._bits & ((1 << k) - 1)
        self._bits >>= k
        self._left -= k
        return number

    def random(self) -> float:
        """Returns a number in [0, 1)."""
        return self.getrandbits(53) * 2.0**-53
