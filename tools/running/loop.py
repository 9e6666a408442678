"""Drives a Trainer: progress on the terminal, safe interruption, the run log, the checkpoint."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab3.log.records import End, Epoch, Resume
from lab3.log.runlog import STATE_NAME, append, read_log
from lab3.units import percent
from tools.running import devices, workspace
from tools.shared.console import Bar, UserError, say

if TYPE_CHECKING:
    from lab3.training import Trainer

SAVE_EVERY_S = 120.0  # a long epoch is saved on the way


class RunInterruptedError(Exception):
    """The user stopped a run; the text says how far it has come."""


def drive(
    trainer: Trainer,
    folder: Path,
    before_epoch: Callable[[Any, int], None] = lambda _network, _epoch: None,
    save_every_s: float = SAVE_EVERY_S,
) -> None:
    """Train to the end of a run, showing and logging every epoch.

    Raises RunInterruptedError after Ctrl-C or SIGTERM. The state is saved after each epoch; one
    process alone also saves it every ``save_every_s`` and before it stops.
    """
    from lab3.training import NonFiniteLossError

    epochs, is_alone = trainer.hyper.epochs, trainer.world_size == 1
    if trainer.rank == 0:
        _log_missing_epochs(trainer, folder)
        if trainer.epoch or trainer.step:
            append(
                folder,
                Resume(
                    time=workspace.now(),
                    device=devices.name(trainer.device),
                    epoch=trainer.epoch,
                    step=trainer.step,
                ),
            )
            say(f"going on after epoch {trainer.epoch} of {epochs}, step {trainer.step}")
    with Bar("", total=epochs) as bar, _stop_signals() as stop_requested:
        saved = time.monotonic()
        pace: list[tuple[float, int]] = []  # when, images since the run began

        def on_step(trainer: Trainer) -> None:
            nonlocal saved
            steps = trainer.epoch * trainer.steps + trainer.step
            pace.append((time.monotonic(), steps * trainer.hyper.batch_size))
            del pace[:-50]
            speed = (pace[-1][1] - pace[0][1]) / max(1e-9, pace[-1][0] - pace[0][0])
            loss, accuracy = trainer.train_loss_and_accuracy
            bar.move_to(
                trainer.epoch + trainer.step / trainer.steps,
                f"loss {loss:.3f}  accuracy {percent(accuracy)}  {speed:.0f} images/s ",
                title=f"epoch {trainer.epoch + 1}/{epochs}",
            )
            if stop_requested():
                if is_alone:
                    trainer.save()
                raise RunInterruptedError(
                    f"stopped in epoch {trainer.epoch + 1}, step {trainer.step} of "
                    f"{trainer.steps}: run the same command again, without --restart, to go on"
                    + ("" if is_alone else f" after epoch {trainer.epoch}")
                )
            if is_alone and time.monotonic() - saved > save_every_s:
                trainer.save()
                saved = time.monotonic()

        def on_epoch(record: Epoch) -> None:
            nonlocal saved
            saved = time.monotonic()
            if trainer.rank == 0:
                append(folder, record)
                say(epoch_line(record, epochs))

        try:
            trainer.run(on_step, on_epoch, before_epoch)
        except NonFiniteLossError as error:
            raise UserError(
                f"{error}: try a smaller one, for example --learning-rate "
                f"{trainer.hyper.learning_rate / 10:.2g}, with --restart or another --name"
            ) from None


def epoch_line(record: Epoch, epochs: int) -> str:
    return (
        f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}  "
        f"train loss {record.train_loss:.4f}  accuracy {percent(record.train_accuracy)}  |  "
        f"validation loss {record.validation_loss:.4f}  "
        f"accuracy {percent(record.validation_accuracy)}  |  "
        f"lr {record.learning_rate:.3g}  {record.images_per_s:.0f} images/s"
    )


def _log_missing_epochs(trainer: Trainer, folder: Path) -> None:
    """Log epochs whose state was saved just before the run was killed."""
    logged = len(read_log(folder).epochs)
    for record in trainer.epochs[logged:]:
        append(folder, record)


def finish(folder: Path, network: Any, best_epoch: int | None, accuracy: float) -> End:
    """Write the checkpoint and the ``end`` record, and remove the training state."""
    size, digest = workspace.save_checkpoint(folder, network)
    end = End(
        time=workspace.now(),
        best_epoch=best_epoch,
        validation_accuracy=accuracy,
        checkpoint_bytes=size,
        checkpoint_sha256=digest,
    )
    append(folder, end)
    (folder / STATE_NAME).unlink(missing_ok=True)
    return end


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a request; a second one acts at once."""
    if threading.current_thread() is not threading.main_thread():  # only that one has handlers
        yield lambda: False
        return
    received: list[int] = []

    def remember(number: int, _frame: object) -> None:
        received.append(number)
        signal.signal(number, previous[signal.Signals(number)])
        say("stopping after this step (once more: at once) ...")

    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, remember) for number in signals}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
