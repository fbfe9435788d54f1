"""The Python API, for notebooks and scripts; the command line is a thin layer on top of it.

Invalid arguments raise `harness.UserError`, with the message that the command line prints. The names are those of
`harness`; this package imports none of its modules, so that each use loads what it needs.
"""
