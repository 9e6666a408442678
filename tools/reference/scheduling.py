"""Doing all runs of a plan: here, in several processes, or on an existing Dask cluster.

A run is an item. Each is done from where it stands, so whatever is killed costs what was in work,
and the same command goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from lab3.errors import LabError
from lab3.log.runlog import LOG_NAME, read_log
from tools.reference.doing import Place, do_item, is_done, the_code, the_data
from tools.reference.items import Item, items_of
from tools.reference.plan import Plan
from tools.running.loop import RunInterruptedError
from tools.running.workspace import locked
from tools.shared.console import Bar, UserError, err, say

CONNECT_S = 15.0
TRIES = 3  # of a run whose worker dies
LOOK_S = 1.0  # between looks at whether the command that started a process is still there


class ThisProcess(Executor):
    """Does what is submitted at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def do_plan(plan: Plan, place: Place, jobs: int = 1, scheduler: str | None = None) -> None:
    """Do every run of a plan that is not done yet.

    Raises RunInterruptedError after Ctrl-C or SIGTERM, and LabError when a run can't be done.
    """
    items = items_of(plan)
    place = replace(place, folder=place.folder.absolute(), data_dir=place.data_dir.absolute())
    with locked(place.folder), stoppable():
        for item in items:
            require_same(plan, item, place)
        waiting = [item for item in items if not is_done(item, place.folder)]
        if not waiting:
            say(f"all {len(items)} runs of {place.folder} are done")
            return
        say(f"{len(waiting)} of {len(items)} runs are to be done in {place.folder}")
        costs = costs_of(plan, place, waiting)
        with executor(jobs, scheduler) as pool:
            is_alone = isinstance(pool, ThisProcess)
            room = 1 if is_alone else jobs if scheduler is None else len(waiting)
            # A display of the whole plan, where the runs don't show themselves.
            shown = nullcontext() if is_alone else Bar("runs", sum(costs.values()))
            with shown as bar:
                watch(pool, plan, place, waiting, costs, room, bar)


def require_same(plan: Plan, item: Item, place: Place) -> None:
    """Raise UserError when a run was begun by another plan, or with other code."""
    folder = place.folder / item.name
    if not (folder / LOG_NAME).exists():
        return
    start = read_log(folder).start
    differing = list(item.contradictions(plan, start))
    if start.code_sha256 != the_code(place.code).student_sha256:
        differing.append("the solution's code has changed")
    if differing:
        raise UserError(
            f"{folder} holds another run ({'; '.join(differing)}): name another folder with --out, "
            "or begin again with --restart"
        )


def costs_of(plan: Plan, place: Place, items: list[Item]) -> dict[str, int]:
    """Return what each run costs, by name."""
    data = the_data(plan.dataset, place.data_dir)
    sizes = len(data.train), len(data.validation), len(data.test)
    return {item.name: round(item.cost(*sizes)) for item in items}


def watch(
    pool: Executor,
    plan: Plan,
    place: Place,
    waiting: list[Item],
    costs: dict[str, int],
    room: int,
    bar: Bar | None,
) -> None:
    """Hand out runs as they can be begun, and tell how far the plan has come."""
    began, total, done = time.monotonic(), len(waiting), 0
    flying: dict[Future[str], Item] = {}
    tries: dict[str, int] = {}
    missing = {item.name for item in waiting}
    try:
        while waiting or flying:
            for item in [item for item in waiting if item.needs not in missing]:
                if len(flying) >= room:
                    break
                waiting.remove(item)
                if room == 1:
                    say(f"run {done + 1} of {total}: {item.name}")
                flying[pool.submit(do_item, plan, item, place)] = item
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                item = flying.pop(future)
                tries[item.name] = tries.get(item.name, 0) + 1
                if is_lost(future) and tries[item.name] < TRIES:
                    say(f"{item.name}: its process died: again")
                    waiting.insert(0, item)
                    continue
                take(future, item, place)
                missing.discard(item.name)
                done += 1
                left = sum(costs[name] for name in missing)
                spent = sum(costs.values()) - left
                if bar:
                    bar.move_to(spent)
                say(progress(item.name, done, total, time.monotonic() - began, spent, left))
    finally:
        for future in flying:
            future.cancel()


def is_lost(future: Future[str]) -> bool:
    """Tell whether a run ended because the process of a cluster's worker did."""
    return type(future.exception()).__name__ == "KilledWorker"


def take(future: Future[str], item: Item, place: Place) -> None:
    """Take what came of a run; raise what went wrong."""
    try:
        future.result()
    except BrokenProcessPool:
        raise UserError(
            f"{item.name}: its process died, as one does when memory is short: run the same "
            "command again, with fewer --jobs"
        ) from None
    except (LabError, RunInterruptedError):
        raise
    except Exception as error:
        raise UserError(f"{item.name}: {type(error).__name__}: {error}") from error
    if not is_done(item, place.folder):
        raise UserError(
            f"{item.name} was done, but not in {place.folder} of this computer: --out must be on a "
            "disk that the cluster shares"
        )


def progress(name: str, done: int, total: int, seconds: float, spent: int, left: int) -> str:
    """Say how far a plan has come, and how long the rest takes at this pace."""
    rest = f", about {duration(seconds * left / spent)} left" if left and spent else ""
    return f"{done} of {total} runs done: {name}{rest}"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def executor(jobs: int, scheduler: str | None) -> Iterator[Executor]:
    """Yield what does the runs."""
    if scheduler is not None:
        with cluster(scheduler) as pool:
            yield pool
        return
    if jobs == 1:
        yield ThisProcess()
        return
    context = multiprocessing.get_context("spawn")  # forked, PyTorch's threads would hang
    pool = ProcessPoolExecutor(jobs, context, begin_quietly, (os.getpid(),))
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()  # one that trains saves how far it is
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Yield the workers of an existing Dask cluster; raise UserError when there is none."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise UserError(
            "--scheduler needs Dask: pip install 'lab3-kit[cluster]', here and on the workers"
        ) from None
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError):
        raise UserError(
            f"--scheduler {address}: nobody answers there: start one with `dask scheduler`, and "
            "workers with `dask worker --nthreads 1 ADDRESS`"
        ) from None
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()


def begin_quietly(parent: int) -> None:
    """Prepare a process of a pool: the command alone speaks and hears Ctrl-C, and ends it."""
    err.quiet = True
    if os.name != "nt":
        os.setpgid(0, 0)

    def end_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into RunInterruptedError, between the steps of training too."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise RunInterruptedError("stopped: run the same command again to go on") from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def needs(plan: Plan, place: Place, is_elsewhere: bool = False) -> None:
    """Raise UserError, with what the plan needs, when this computer can't do it."""
    import torch

    if place.device != "cuda" or is_elsewhere or torch.cuda.is_available():
        return
    trained = [item for item in items_of(plan) if item.hyper]
    epochs = sum(item.hyper.epochs for item in trained if item.hyper)
    raise UserError(
        f"this plan needs a GPU, and PyTorch sees none here: it trains {plan.arch} of width "
        f"{plan.width} on {plan.dataset} {len(trained)} times, for {epochs:,} epochs in all, and "
        f"quantizes it {len(items_of(plan)) - len(trained)} times more. Run it where there is one "
        "(each run goes on wherever the folder --out is taken), on a cluster with --scheduler, or "
        "with patience, --device cpu"
    )
