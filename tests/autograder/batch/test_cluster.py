"""Grading on Dask clusters: errors by name, and nobody harmed by the death of a worker."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.batch import cluster, remote
from autograder.batch.cluster import ClusterPool
from autograder.batch.orders import Message
from autograder.batch.pool import NoGraderError
from autograder.batch.remote import Benches, Reply
from autograder.grades.items import Item
from tests.autograder.batch.conftest import graded
from tests.making import clusters, scripted
from tests.making.alarms import no_longer_than
from tests.making.scripted import item, noted


@pytest.fixture(scope="module")
def threads() -> Iterator[str]:
    """A cluster of one worker with two threads in this process; its address."""
    from distributed import LocalCluster

    with (
        pytest.MonkeyPatch.context() as patch,
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as made,
    ):
        scripted.use(patch)
        yield made.scheduler_address


def outcomes(messages: list[Message]) -> dict[str, str]:
    return {
        folder: "/".join({result.outcome for result in one.grade.results})
        for folder, one in graded(messages).items()
    }


def grade(address: str, folder: Path, *items: Item) -> list[Message]:
    with no_longer_than(120), ClusterPool(scripted.task(folder), address, items) as pool:
        return list(pool.grade(items))


def test_a_cluster_grades_everything_and_leaves_no_process(threads: str, tmp_path: Path) -> None:
    messages = grade(threads, tmp_path, item("a"), item("killer", "kills"), item("b", "broken"))
    assert outcomes(messages) == {"a": "passed", "killer": "grader_error", "b": "passed"}
    assert graded(messages)["b"].grade.unread
    assert not remote.BENCHES._free
    assert 1 <= len(noted(tmp_path, "start")) <= 6


def test_workers_that_do_not_see_the_files_are_named(
    threads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden.zip"
    monkeypatch.setattr(remote, "sizes_of", lambda *_: {hidden: 7})
    with pytest.raises(NoGraderError) as caught:
        grade(threads, tmp_path, item("a"))
    assert f"{threads.split(':')[0]}://" in str(caught.value)
    assert f"can't see {hidden}: No such file or directory; the course folder" in str(caught.value)


def test_a_worker_that_refuses_is_named(threads: str, tmp_path: Path) -> None:
    task = scripted.task(tmp_path, "refuse")
    with pytest.raises(NoGraderError, match=r"workers that can't:\ninproc://\S+ no walls stand"):
        ClusterPool(task, threads, [item("a")])


def test_files_have_to_be_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(b"12345")
    assert remote.sizes_of(file, tmp_path, tmp_path / "none") == {file: 5, tmp_path: None}
    assert not remote.unseen({file: 5, tmp_path: None})
    assert "a file of 5 bytes instead of 6" in remote.unseen({file: 6})
    assert "another one" in remote.unseen({tmp_path: 5})


def test_a_process_grades_for_nobody_elses_class(scripts: None, tmp_path: Path) -> None:  # noqa: ARG001
    """Two classes at once on one worker, each with a rubric and a key of its own."""
    ours, benches = scripted.task(tmp_path), Benches()
    theirs = replace(ours, key="another")
    with benches.lent(ours) as our_pool, benches.lent(theirs) as their_pool:
        pass
    with benches.lent(theirs) as again:
        assert again is their_pool
        with benches.lent(theirs) as other:
            assert other is not our_pool
    benches.dismiss()


def test_what_an_interrupted_class_has_left_is_not_used(
    scripts: None,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has read the rubric as it was then."""
    monkeypatch.setattr(remote, "BENCHES", Benches())
    task = scripted.task(tmp_path, "well", "changed", "changed")
    assert remote.prepare_here(task, {}) == Reply(scripted.facts("namespaces"))
    with remote.BENCHES.lent(task) as still_in_use:
        now = remote.prepare_here(task, {})
        assert isinstance(now, Reply)
        assert now.facts.rubric.sha256 == scripted.CHANGED
    with remote.BENCHES.lent(task) as pool:
        assert pool is not still_in_use
    remote.BENCHES.dismiss()


def test_workers_of_another_kit_are_named() -> None:
    facts = scripted.facts("namespaces")
    other_key = replace(facts.rubric, document=facts.document.model_copy(update={"key": "a" * 32}))
    with pytest.raises(NoGraderError, match="two has another key than one"):
        cluster.require_same(("one", facts), ("two", replace(facts, rubric=other_key)))
    cluster.require_same(("one", facts), ("two", replace(facts, tier="landlock")))
    with pytest.raises(NoGraderError, match=r"two has another PyTorch than one, 2.13 instead of"):
        cluster.require_same(("one", facts), ("two", replace(facts, torch="2.13")))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x"])
def test_an_address_without_a_scheduler_is_told(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 0.2)
    with pytest.raises(NoGraderError, match=r"no scheduler answers at .*start one with dask sched"):
        ClusterPool(scripted.task(tmp_path), address, [])


def test_without_dask_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NoGraderError, match="pip install distributed"):
        ClusterPool(scripted.task(tmp_path), "tcp://127.0.0.1:9", [])


@pytest.mark.slow
def test_what_kills_workers_is_left_to_staff_and_harms_nobody(tmp_path: Path) -> None:
    """Dask gives its task up after two deaths, and suspects what else was waiting there."""
    items = [item("k", "kills the caller"), *(item(name, "takes time") for name in "abcdef")]
    with clusters.cluster(tmp_path, 2, clusters.SCRIPTED, nanny="--nanny", failures=1) as made:
        messages = grade(made.address, tmp_path, *items)
    assert outcomes(messages) == {"k": "grader_error", **dict.fromkeys("abcdef", "passed")}
    assert cluster.GIVEN_UP in graded(messages)["k"].grade.results[0].said


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["scheduler", "workers"])
def test_a_cluster_that_goes_is_told(
    victim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ALONE_S", 1)
    monkeypatch.setattr(cluster, "LOOK_S", 0.5)
    items = [item("a", "hangs")]
    with (
        no_longer_than(120),
        clusters.cluster(tmp_path, 1, clusters.SCRIPTED) as made,
        ClusterPool(scripted.task(tmp_path), made.address, items) as pool,
    ):
        messages = pool.grade(items)
        for process in [made.scheduler] if victim == "scheduler" else made.workers:
            process.kill()
        with pytest.raises(NoGraderError, match=r"has gone|has no worker any more"):
            list(messages)
