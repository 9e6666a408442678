"""Limits on a whole worker, in the groups that this computer allows."""

import subprocess
from pathlib import Path

import pytest

from autograder.host import cgroups
from autograder.host.sandbox import WorkerProcess, why_no_landlock

here = cgroups.make()
if here:
    here.remove()
needs_groups = pytest.mark.skipif(here is None, reason="no control groups may be made here")


@needs_groups
def test_a_program_starts_in_the_group_and_leaves_nothing() -> None:
    group = cgroups.make()
    assert group is not None
    done = subprocess.run(
        [*group.prefix, "cat", "/proc/self/cgroup"], capture_output=True, text=True, check=True
    )
    for folder in group.folders:
        assert folder.name in done.stdout
    group.remove()
    assert not any(folder.exists() for folder in group.folders)


@needs_groups
@pytest.mark.skipif(why_no_landlock() is not None, reason="no Landlock here")
def test_a_worker_is_in_its_group_and_says_so() -> None:
    worker = WorkerProcess("landlock", is_lean=True)
    try:
        worker.wait_until_ready()
        assert any(wall.startswith("control group: ") for wall in worker.walls)
        assert worker._group is not None
        folders = worker._group.folders
        for folder in folders:
            assert (folder / "cgroup.procs").read_text().split()
    finally:
        worker.close()
    assert not any(folder.exists() for folder in folders)


@needs_groups
def test_too_many_processes_are_refused() -> None:
    group = cgroups.make()
    assert group is not None
    if "processes" not in group.limited:
        pytest.skip("no limit on processes here")
    forks = (
        "import os\npids = []\ntry:\n    for _ in range(200):\n        pids.append(os.fork())\n"
        "        if not pids[-1]:\n            os.read(0, 1)\n            os._exit(0)\n"
        "except OSError:\n    print(len(pids))"
    )
    done = subprocess.run(
        [*group.prefix, "python3", "-c", forks],
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    assert 10 < int(done.stdout) < cgroups.PROCESSES
    group.remove()


@needs_groups
def test_the_group_of_a_dead_grader_is_removed() -> None:
    group = cgroups.make()
    assert group is not None
    if not group.folders:
        pytest.skip("systemd makes the groups here")
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = [folder.with_name(f"lab3-{dead.pid}-0") for folder in group.folders]
    for folder in left:
        folder.mkdir()
    another = cgroups.make()
    assert another is not None
    assert not any(folder.exists() for folder in left)
    for each in (group, another):
        each.remove()


@pytest.mark.parametrize(
    ("cgroup", "mounts", "expected"),
    [
        (
            "0::/user.slice/a.scope\n",
            "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            [(2, "/sys/fs/cgroup/user.slice/a.scope")],
        ),
        (
            "4:memory:/docker/x\n1:name=systemd:/\n0::/\n",
            "31 1 0:27 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            [(1, "/sys/fs/cgroup/memory")],
        ),
        (
            "3:cpu,cpuacct:/a\n",
            "31 1 0:27 / /c/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
            [(1, "/c/cpu,cpuacct/a")],
        ),
        ("0::/a\n", "30 1 0:26 /docker/x /sys/fs/cgroup rw - cgroup2 none rw\n", []),
        ("", "", []),
    ],
)
def test_hierarchies_are_found(
    cgroup: str, mounts: str, expected: list[tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "cgroup").write_text(cgroup)
    (tmp_path / "mountinfo").write_text(mounts)
    found = [(h.version, str(h.own)) for h in cgroups.hierarchies(tmp_path)]
    assert found == expected


def test_nothing_is_made_outside_the_hierarchy(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    assert cgroups.Hierarchy(2, (), top, top).parents == [top]
    below = cgroups.Hierarchy(2, (), top / "own", top)
    assert below.parents == [top / "own", top]
