"""Other people's computers, made out of this one: containers, old kernels, an ordinary user.

``python tests/making/machines.py no-namespaces,ordinary-user COMMAND...`` runs a command there.
"""

import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOMEBODY = Path("/home/somebody")
SMALL = ("--size", str(64 << 20), "--tmpfs")
ORDINARY = 61234  # a user that no system has
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
LOAD, JUMP_IF, JUMP_IF_ANY, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NUMBERS = {  # (x86-64, aarch64)
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone": (56, 220),
    "clone3": (435, 435),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
}
REFUSED = {  # filter: {call: what it returns}
    "no-namespaces": {"unshare": EPERM, "setns": EPERM, "clone3": ENOSYS},
    "no-landlock": dict.fromkeys((n for n in NUMBERS if n.startswith("landlock")), ENOSYS),
    "no-users": dict.fromkeys((n for n in NUMBERS if n.startswith("set") and n != "setns"), EPERM),
}


def install(names: Iterable[str]) -> None:
    """Put this process, and all that it starts, behind the filters of these names."""
    column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    code: list[tuple[int, int, int, int]] = [(LOAD, 0, 0, 0)]
    for name in names:
        for call, answer in REFUSED[name].items():
            code += [(JUMP_IF, 0, 1, NUMBERS[call][column]), (RETURN, 0, 0, answer)]
        if name == "no-namespaces":
            code += [
                (JUMP_IF, 0, 4, NUMBERS["clone"][column]),
                (LOAD, 0, 0, 16),
                (JUMP_IF_ANY, 0, 1, NAMESPACE_FLAGS),
                (RETURN, 0, 0, EPERM),
                (LOAD, 0, 0, 0),
            ]
    code.append((RETURN, 0, 0, ALLOW))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    argument = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, argument, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become_ordinary(paths: Iterable[Path]) -> None:
    """Turn from root into a user of no rights, who can reach ``paths`` all the same.

    Folders that are closed to others on the way there are replaced by empty ones, in a mount
    namespace of this process's own, with nothing but those paths in them.
    """
    closed = {
        path: [p for p in reversed(path.parents) if not p.stat().st_mode & 1] for path in paths
    }
    if any(closed.values()):
        libc_call("unshare", CLONE_NEWNS)
        mount("none", Path("/"), MS_PRIVATE | MS_REC)
    for path in (path for path, folders in closed.items() if folders):
        held = os.open(path, os.O_PATH)
        mount("none", closed[path][0], 0, "tmpfs", "mode=755")
        path.mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{held}", path, MS_BIND | MS_REC)  # by name it would be the empty one
        os.close(held)
    os.setgroups([])
    os.setresgid(ORDINARY, ORDINARY, ORDINARY)
    os.setresuid(ORDINARY, ORDINARY, ORDINARY)


def mount(source: str, target: Path, flags: int, kind: str = "", options: str = "") -> None:
    names = [text.encode() for text in (source, str(target), kind)]
    libc_call("mount", *names, ctypes.c_ulong(flags), options.encode() or None)


def libc_call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def needed() -> list[Path]:
    """Return the folders without which no command of the kit runs."""
    return [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT]


def there(names: str, command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command on another computer; no names: on this one."""
    if os.geteuid() != 0:  # an ordinary user already
        names = ",".join(name for name in names.split(",") if name != "ordinary-user")
    if not names:
        return [*command]
    return [sys.executable, str(Path(__file__).resolve()), names, *command]


def throwaway(bwrap: str, writable: Path, command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command where it can harm nothing but ``writable``.

    It sees no process of this computer, and of its files what commands of the kit need; all is
    read-only but small file systems of its own. Everything that it starts ends with it. The
    answers lie there again where attacks look for them.
    """
    system = [Path(top) for top in ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64")]
    shown = {str(path): path for path in (*filter(Path.exists, system), *needed())}
    shown |= {str(place / "solution"): ROOT / "solution" for place in (Path("/"), SOMEBODY)}
    small = (option for top in ("/tmp", "/run", "/var/tmp") for option in (*SMALL, top))
    return [
        bwrap, "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--new-session",
        "--cap-drop", "ALL", *small, "--proc", "/proc", "--dev", "/dev",
        *(part for place, path in shown.items() for part in ("--ro-bind", str(path), place)),
        "--bind", str(writable), str(writable), "--remount-ro", "/", "--chdir", str(ROOT),
        *command,
    ]  # fmt: skip


def why_not(names: str) -> str | None:
    """Return why such a computer can't be made here, or None."""
    if "ordinary-user" in names.split(","):
        done = subprocess.run(there(names, ["true"]), capture_output=True, check=False)
        if done.returncode:
            return "root may not make mount namespaces here"
    return None


if __name__ == "__main__":
    wanted = sys.argv[1].split(",")
    if "ordinary-user" in wanted:
        become_ordinary(needed())
    install([name for name in wanted if name != "ordinary-user"])
    os.execvp(sys.argv[2], sys.argv[2:])
