"""What the strategies share that train on rows and changed copies of them."""

from harness import Int, Space

COPIES_SPACE: Space = {"copies": Int(1, 4, default=2)}
PASSES = 1.5  # over rows and copies together, as a multiple of the plain learner's over rows
