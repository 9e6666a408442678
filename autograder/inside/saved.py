"""Saved networks as data; the student's code takes no part."""

import io
from typing import Any

import torch
from torch import Tensor

from autograder.inside import questions
from autograder.inside.telling import stage
from lab3 import eager


def checkpoint(question: questions.CheckpointFile) -> questions.Checkpoint:
    with stage("load"):
        content = io.BytesIO(question.content)
        state = torch.load(content, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"the file holds a {type(state).__name__}, not a state_dict")
        entries = {
            key: stored(part)
            for name, value in state.items()
            for key, part in parts(str(name), value)
        }
    return questions.Checkpoint(entries=entries)


def parts(name: str, value: Any) -> list[tuple[str, Tensor]]:
    """Return the tensors of an entry; a packed layer holds its weight and its bias."""
    if isinstance(value, Tensor):
        return [(name, value)]
    if isinstance(value, tuple | list):
        pairs = zip((f"{name}.weight", f"{name}.bias"), value, strict=False)
        return [(key, part) for key, part in pairs if isinstance(part, Tensor)]
    return []  # data types and versions


def stored(value: Tensor) -> questions.StoredTensor:
    """Return a tensor's numbers, and what else describes it."""
    value = value.detach()
    if not value.is_quantized:
        return questions.StoredTensor(values=value)
    integers = value.int_repr()
    if value.qscheme() == eager.PER_TENSOR:
        scale, zero_point = float(value.q_scale()), int(value.q_zero_point())
        return questions.StoredTensor(values=integers, scale=scale, zero_point=zero_point)
    axis, scales = int(value.q_per_channel_axis()), value.q_per_channel_scales()
    return questions.StoredTensor(values=integers, axis=axis, scales=scales)
