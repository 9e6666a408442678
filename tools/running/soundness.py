"""What can be seen of a run's folder without computing anything: is it what its log says?"""

import math
from pathlib import Path

from lab3.log.runlog import CHECKPOINT_NAME, RunLog, read_log
from tools.running.workspace import file_sha256
from tools.shared.console import say

NEAR = 1e-9  # of accuracies that were computed from the same counts
SOUND = "hash as logged"


def faults(folder: Path, log: RunLog) -> list[str]:
    """Return how a run's checkpoint and log contradict each other; empty where they don't."""
    if log.end is None:
        return []
    checkpoint = folder / CHECKPOINT_NAME
    found = []
    if not checkpoint.is_file():
        found.append(f"{CHECKPOINT_NAME} is missing")
    elif file_sha256(checkpoint) != log.end.checkpoint_sha256:
        found.append(f"{CHECKPOINT_NAME} is not the file that the log describes")
    return found + contradictions(log)


def tell_complete(folder: Path) -> RunLog:
    """Say that there is nothing left to do in a run's folder, or what is wrong with it."""
    log = read_log(folder)
    fault = "".join(f", but {fault}" for fault in faults(folder, log)[:1])
    say(f"{folder} is complete already{fault} (--restart would do it again)")
    return log


def contradictions(log: RunLog) -> list[str]:
    """Return where a log contradicts itself, as one does that was edited."""
    found = []
    end, result, quantized = log.end, log.result, log.quantized
    if end and end.best_epoch and log.start.hyperparameters:
        best = max((epoch.validation_accuracy for epoch in log.epochs), default=math.nan)
        claims = [e.validation_accuracy for e in log.epochs if e.epoch == end.best_epoch]
        if log.start.kind == "train":  # another's is that of its INT8 network
            claims.append(end.validation_accuracy)
        if not claims or max(abs(claim - best) for claim in claims) > NEAR:
            found.append("the validation accuracy is not that of the best epoch")
    if end and quantized and abs(quantized.validation_accuracy - end.validation_accuracy) > NEAR:
        found.append("the validation accuracy is not that after quantization")
    if result:
        right = sum(row[i] for i, row in enumerate(result.confusion) if i < len(row))
        if result.images and abs(right / result.images - result.accuracy) > NEAR:
            found.append("the test accuracy is not that of the confusion matrix")
        if end and result.checkpoint_sha256 != end.checkpoint_sha256:
            found.append("the test accuracy is of another checkpoint: lab3 evaluate --again")
    return found
