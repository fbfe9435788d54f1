"""The methods that come with the harness: one registered method per file.

``learners``, ``strategies`` and ``adapters`` register methods too. ``base`` holds what several methods share and
``neural`` their torch code; neither registers anything. Heavy libraries are imported inside ``fit``.
"""
