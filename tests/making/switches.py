"""The walls of a grader's own process, and how each is taken down."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from autograder import claims, plain_text
from autograder.asking import trial
from autograder.expected import agreement, trials
from autograder.host import answers, child, client
from autograder.host.answers import NoAnswerError
from autograder.host.child import Ending
from autograder.host.sandbox import Sandbox
from autograder.inside import probes, worker

Patch = pytest.MonkeyPatch
GIVES_UP_S = 4  # when nothing else ends what hangs


class Within:
    """Stands for a child: a submission's code runs in the grader's own process."""

    spent_s, printed_bytes, ending = 0.0, 0, Ending("went on", 0.0, 0)

    def __init__(self, files: dict[str, bytes]) -> None:
        for name in worker.MODULES:
            sys.modules.pop(name, None)
        finder = worker.StudentFinder({name: data.hex() for name, data in files.items()})
        sys.meta_path.insert(0, finder)
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115

    def converse(
        self, header: dict[str, Any], body: bytes, _answer_bytes: int, _timeout_s: float
    ) -> tuple[bytes, bytes]:
        os.dup2(self.printed.fileno(), 1)
        reply, tensors = probes.answer(header["question"], body)
        sys.stdout.flush()
        return json.dumps({"id": header["id"], **reply}).encode(), tensors

    def take_output(self) -> bytes:
        size = self.printed.tell()
        self.printed.seek(0)
        text = self.printed.read(size)
        self.printed.seek(0)
        return text

    def close(self) -> None:
        """Nothing can be taken back."""


def without_a_process(patch: Patch) -> None:
    patch.setattr(Sandbox, "fork", lambda _self, files, _limits: Within(files))


def without_time_limits(patch: Patch) -> None:
    """Nothing is too late; what never ends is given up visibly, so that the test ends."""

    def goes_on(watch: child.Watch) -> bool:
        elapsed = child.time.monotonic() - watch._began
        if elapsed > GIVES_UP_S:
            raise KeyboardInterrupt("it hangs")  # what everything lets through
        watch.deadline += watch._limit_s
        return True

    patch.setattr(child.Watch, "goes_on", goes_on)


def without_output_limits(patch: Patch) -> None:
    def drain(self: child.Child) -> None:
        try:
            data = os.read(self._output, 65536)
        except BlockingIOError:
            return
        if data:
            self._keep(data)
        else:
            self._output_closed()

    patch.setattr(child.Child, "_drain", drain)


def output_that_must_stay_open(patch: Patch) -> None:
    def closed(_self: child.Child) -> None:
        raise BrokenPipeError("the output was closed")

    patch.setattr(child.Child, "_output_closed", closed)


def output_taken_for_text(patch: Patch) -> None:
    def take_output(self: client.Client) -> str:
        if self._child:
            self._output += self._child.take_output()
        text = self._output.decode()
        self._output.clear()
        return text

    patch.setattr(client.Client, "take_output", take_output)


def texts_as_they_are(patch: Patch) -> None:
    everywhere(patch, plain_text.harmless, str)


def faults_of_the_grader(patch: Patch) -> None:
    """A child's death, and what is wrong with its bytes, is not its own fault."""

    class NeverRaisedError(Exception):
        """Stands for what is not caught."""

    def escape(error: Exception) -> str:
        raise error

    def verdict_on(error: Exception) -> dict[str, Any]:
        if isinstance(error, NoAnswerError) and error.outcome == "crashed" and error.error is None:
            return {"outcome": "grader_error", "said": str(error)}
        return tell(error)

    tell = trial.verdict_on
    patch.setattr(client, "WorkerError", NeverRaisedError)
    patch.setattr(answers, "brief", escape)
    patch.setattr(trial, "verdict_on", verdict_on)


def numbers_believed(patch: Patch) -> None:
    everywhere(patch, agreement.same, lambda *_, **__: True)
    integers_believed(patch)


def integers_believed(patch: Patch) -> None:
    for comparison in (agreement.agrees, agreement.is_on_grid):
        everywhere(patch, comparison, lambda *_, **__: True)


def everything_holds(patch: Patch) -> None:
    """Whatever is observed is as it should be."""
    add = claims.Evidence.add

    def believe(self: claims.Evidence, question: str, expected: str, got: str, holds: bool) -> None:
        add(self, question, expected, got, holds or True)

    patch.setattr(claims.Evidence, "add", believe)


def grids_as_they_come(patch: Patch) -> None:
    """Scales and zero points that no kernel takes are computed with."""

    def rounded(weight: Tensor, scale: float, zero_point: int) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(weight, scale, zero_point, -128, 127)

    everywhere(patch, trials.rounded, rounded)


def everywhere(patch: Patch, old: object, new: object) -> None:
    """Replace a function of ours wherever it was imported."""
    for name, module in list(sys.modules.items()):
        if name.startswith("autograder."):
            for key, value in list(vars(module).items()):
                if value is old:
                    patch.setattr(module, key, new)


SWITCHES: dict[str, Callable[[Patch], None]] = {
    "process": without_a_process,
    "time": without_time_limits,
    "output": without_output_limits,
    "open output": output_that_must_stay_open,
    "decoding": output_taken_for_text,
    "harmless texts": texts_as_they_are,
    "answers": faults_of_the_grader,
    "reference": numbers_believed,
    "integers": integers_believed,
    "judgement": everything_holds,
    "grids": grids_as_they_come,
}
