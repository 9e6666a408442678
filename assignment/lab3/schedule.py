"""How the learning rate changes from epoch to epoch."""

import math

from lab3.log.records import Hyperparameters


def learning_rate(hyper: Hyperparameters, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 0.

    ``cosine`` falls to 0 (Loshchilov & Hutter, arXiv:1608.03983, without restarts);
    ``multistep`` is divided by 10 after half and after three quarters of the epochs.
    """
    progress = epoch / hyper.epochs
    if hyper.scheduler == "cosine":
        return hyper.learning_rate * (1 + math.cos(math.pi * progress)) / 2
    if hyper.scheduler == "multistep":
        return hyper.learning_rate * 0.1 ** ((progress >= 0.5) + (progress >= 0.75))
    return hyper.learning_rate
