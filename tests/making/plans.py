"""Plans of reference runs that end within seconds, on data sets of a few images."""

from pathlib import Path

from tests.making.datasets import write_cifar10

LAB = """
dataset = "cifar10"
arch = "resnet14"
width = 4
seeds = [0]
[fp32]
epochs = 2
batch_size = 16
augmentation = "crop-flip"
[qat]
epochs = 1
"""
VARIANTS = """
[per_channel]
ptq = [0]
qat = [0]
[variants]
seeds = [0]
not_fused = true
max_shift_amount = [4, 8]
calibration_images = [16, 512]
[ablation]
seeds = [0]
base = { epochs = 1 }
[ablation.vary]
label_smoothing = [0.1, 0.0]
"""


def profile(folder: Path, text: str = LAB + VARIANTS) -> Path:
    """Write a profile with a plan, beside a data set of 160 labelled and 32 test images."""
    write_cifar10(folder / "data", per_batch=32)
    home = folder / "profile"
    home.mkdir()
    (home / "plan.toml").write_text(text)
    return home
