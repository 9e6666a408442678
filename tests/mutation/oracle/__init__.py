"""The lab's contract, computed directly: each trial tells whether one bullet of it holds.

Trials run in a process of their own (``judges``), where ``lab3.resnet`` and ``lab3.observer`` are
a mutant's. What a bullet builds on is replaced by something right where that is possible: a
block's forward gets a right ``add_relu``, a network's gets right stages and right fusing of blocks.
"""

import importlib

# Trials are made in this order, that of the lab's parts.
for subject in ("observer", "blocks", "networks", "fusing", "whole"):
    importlib.import_module(f"{__name__}.{subject}")
