"""The lab in a notebook: ``from tools.notebook import check, show, status``."""

from tools.notebook.asking import check, status
from tools.notebook.showing import show

__all__ = ["check", "show", "status"]
