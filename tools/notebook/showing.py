"""One picture for each kind of stub, drawn with the student's own code as it is now."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from lab3.errors import LabError
from tools.notebook.loading import student_modules
from tools.notebook.pages import Page, note
from tools.notebook.pictures import draw_fusion, draw_grids, draw_ranges
from tools.shared import remedies

if TYPE_CHECKING:
    from types import ModuleType

    from torch import nn

IN_CHANNELS, CHANNELS, SEED = 16, 8, 0
VALUES = 400
NAMES = ("add_relu", "fuse_model", "scale_approximate")


def show(name: str) -> Page:
    """Draw what one of your functions does: ``add_relu``, ``fuse_model`` or ``scale_approximate``.

    The file is read anew, so that a cell shows what you have saved.
    """
    if name not in NAMES:
        return note(f"there is no picture of {name!r}: choose from {', '.join(NAMES)}")
    try:
        resnet, observer = student_modules()
        if name == "scale_approximate":
            return grids(observer)
        return fusion(resnet) if name == "fuse_model" else ranges(resnet)
    except LabError as error:
        return note(str(error))
    except Exception as error:
        return note(remedies.explain(error) or f"{type(error).__name__}: {error}")


def picture(svg: str, text: str) -> Page:
    return Page(
        f'<figure style="margin: 0">{svg}<figcaption>{escape(text)}</figcaption></figure>', text
    )


def grids(observer: ModuleType) -> Page:
    """Values on the grid of the measured scale, and on that of the approximated one."""
    import torch

    torch.manual_seed(SEED)
    values = 0.05 * torch.randn(VALUES)
    scale = 2 * values.abs().max().item() / 255
    approximated = float(observer.CusQuantObserver().scale_approximate(scale))
    text = (
        f"The measured scale {scale:.6f} becomes {approximated:.6g}. Each value moves to the "
        "nearest line of the grid: the wider the grid, the farther."
    )
    return picture(draw_grids(values.tolist(), scale, approximated), text)


def block_of(resnet: ModuleType) -> Any:
    """Return a block of the student's with a shortcut, its BatchNorm as after training."""
    import torch
    from torch import nn

    torch.manual_seed(SEED)
    block = resnet.QuantizableBottleneck(IN_CHANNELS, CHANNELS, 2).eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
            module.weight.data.uniform_(0.5, 1.5)
    return block


def layers_of(block: nn.Module) -> list[tuple[str, str]]:
    """Return the layers of a block that compute, by name and type, in the order of __init__."""
    skipped = ("Sequential", "Bottleneck")
    return [
        (name, type(module).__name__)
        for name, module in block.named_modules()
        if name
        and not type(module).__name__.endswith(skipped)
        and not name.startswith("skip_add_relu.")
        and name.count(".") <= 1
    ]


def fusion(resnet: ModuleType) -> Page:
    """The layers of a block before and after ``fuse_model``."""
    block = block_of(resnet)
    before = layers_of(block)
    block.fuse_model()
    known = {name for name, _ in before}
    after = [(name, kind) for name, kind in layers_of(block) if name in known]
    left = sum(kind != "Identity" for _, kind in after)
    text = f"A block of {len(before)} layers; {left} still compute after fuse_model."
    return picture(draw_fusion(before, after), text)


def ranges(resnet: ModuleType) -> Page:
    """What lies between which values on the two ways into the residual addition, and behind it."""
    import torch

    block = block_of(resnet)
    seen: dict[str, tuple[float, float]] = {}
    own = block.add_relu

    def watch(out: Any, identity: Any) -> Any:
        result = own(out, identity)
        tensors = {"main path": out, "shortcut": identity, "their sum": out + identity}
        for name, tensor in {**tensors, "add_relu": result}.items():
            seen[name] = tensor.min().item(), tensor.max().item()
        return result

    block.add_relu = watch
    with torch.inference_mode():
        block(torch.randn(8, IN_CHANNELS, 16, 16))
    if not seen:
        raise LabError("forward doesn't call self.add_relu(out, identity)")
    text = (
        "The sum has a range of its own, so it needs an observer of its own: that of "
        "skip_add_relu, which sees it behind the ReLU."
    )
    return picture(draw_ranges(seen), text)
