"""Random valid programs over the whole language: a seed gives one."""

from .programs import Program, misfits, program

__all__ = ["Program", "misfits", "program"]
