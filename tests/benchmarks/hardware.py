"""How long the integer network takes for a test set beside PyTorch's own INT8 kernels.

A small network as the demo trains it (its weights are random here, which costs the same time) and
the digits' test images, in turn, on each exact engine, both in the batches that the kit uses. Run
it with ``make bench``.
"""

import statistics
import time
from pathlib import Path

import torch

from tools.running.workspace import use_code

use_code(Path(__file__).parents[2] / "solution")

from lab3.data import load_data
from lab3.engines import exact_engines
from lab3.quantize import calibrate, convert, prepare_ptq, put_biases_on_grid
from lab3.resnet import build_network
from tools.hardware.proof import BATCH_SIZE, TIES
from tools.hardware.tracing import trace

RUNS = 5


def main() -> None:
    """Print both medians and their ratio for each engine."""
    data = load_data("digits", Path())
    images = data.normalise(data.test.images)
    batches = {"kernels": images.split(32), "integers": images.split(BATCH_SIZE)}
    for engine in exact_engines():
        torch.backends.quantized.engine = engine
        torch.manual_seed(0)
        network = prepare_ptq(build_network("resnet14", width=16).eval())
        calibrate(network, data, 128)
        convert(network)
        put_biases_on_grid(network, images[:1])
        program = trace(network, images[:1], TIES.get(engine, "even"))
        seconds: dict[str, list[float]] = {"kernels": [], "integers": []}
        for _ in range(RUNS + 1):
            for name, compute in (("kernels", network), ("integers", program.run)):
                began = time.perf_counter()
                with torch.inference_mode():
                    for batch in batches[name]:
                        compute(batch)
                seconds[name].append(time.perf_counter() - began)
        kernels, integers = (statistics.median(found[1:]) for found in seconds.values())
        print(
            f"{len(data.test)} images, {torch.get_num_threads()} threads: "
            f"{engine} {kernels:.2f} s, integers and shifts {integers:.2f} s, "
            f"{integers / kernels:.1f} times as long"
        )


if __name__ == "__main__":
    main()
