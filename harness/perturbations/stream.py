"""Random streams of their own for each payload and perturbation: many, and only a few numbers are drawn from each."""

import random
from hashlib import blake2b

_BITS = 512  # of one digest


class Stream(random.Random):
    """A `random.Random` whose bits are digests (BLAKE2b, RFC 7693) of names and a counter.

    To seed a Mersenne Twister and have it give its first number takes longer than most perturbations take in all; this
    takes nothing until the first number, and the bits are the same in any process.
    """

    def begin(self, *names: object) -> "Stream":
        """Returns itself, at the beginning of the stream of these names."""
        self._names, self._digests, self._bits, self._left = names, 0, 0, 0
        return self

    def getrandbits(self, k: int, /) -> int:
        """Returns the next k bits as a whole number."""
        while self._left < k:
            text = "\0".join(map(str, (*self._names, self._digests)))
            digest = blake2b(text.encode("utf-8", "surrogatepass")).digest()
            self._bits |= int.from_bytes(digest, "little") << self._left
            self._left += _BITS
            self._digests += 1
        drawn = self._bits & ((1 << k) - 1)
        self._bits >>= k
        self._left -= k
        return drawn

    def random(self) -> float:
        """Returns a number from 0 up to, but not, 1."""
        return self.getrandbits(53) * 2.0**-53
