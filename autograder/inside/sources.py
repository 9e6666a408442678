"""Modules from memory: a child that may open no file still imports what an honest one needs.

The warm process reads the source of everything that can be imported and loads what is compiled;
its children find it all there. So none of them has to touch a file, whose locks, times and place
in the page cache it would share with others.
"""

import contextlib
import errno
import importlib
import importlib.abc
import importlib.util
import mmap
import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from types import CodeType, ModuleType
from typing import Any, BinaryIO, NamedTuple, NoReturn

# Test suites, programs with windows, and what other packages bring along to build themselves.
LEFT_OUT = set(
    "__pycache__ test tests idlelib tkinter turtledemo lib2to3 ensurepip site-packages "
    "dist-packages include".split()
)
# Compiled modules of the standard library that take over a terminal or a window, or test Python.
NOT_LOADED = ("_test", "_xx", "xx", "_tkinter", "readline", "_curses", "nis", "ossaudiodev")
# Modules of windows and terminals that editors import when a name looks like one of theirs.
SCREENS = ("curses", "tkinter", "turtle")
COMPILED_PARTS = ("numpy.ctypeslib", "numpy.fft", "numpy.linalg", "numpy.random")


class Source(NamedTuple):
    """Where a module's source was, and where it is in the memory of its finder."""

    path: str
    begin: int
    size: int
    is_package: bool


class SourceFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds modules among sources that were read before.

    They lie in a file that has no name, seen read-only: a process that is forked need not be given
    a map of all their pages.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._sources: dict[str, Source] = {}
        self._memory: bytes | mmap.mmap = b""
        if folders:
            with open(os.memfd_create("sources"), "w+b") as file:
                for folder in folders:
                    self._read(folder, "", file)
                file.flush()
                self._memory = mmap.mmap(
                    file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ
                )

    def _read(self, folder: str, prefix: str, memory: BinaryIO) -> None:
        """Read a folder's modules, and those of the packages in it; a name counts once."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            if entry.name.endswith(".py") and entry.is_file():
                is_package = entry.name == "__init__.py"
                name = prefix[:-1] if is_package else prefix + entry.name[:-3]
                if name not in self._sources:
                    with open(entry.path, "rb") as file:
                        begin, size = memory.tell(), memory.write(file.read())
                    self._sources[name] = Source(entry.path, begin, size, is_package)
            elif entry.name.isidentifier() and entry.name not in LEFT_OUT and entry.is_dir():
                self._read(entry.path, f"{prefix}{entry.name}.", memory)

    def get_data(self, path: str) -> bytes:
        """Return a file's content; raise FileNotFoundError when it was not read before."""
        for source in self._sources.values():
            if source.path == path:
                return self._content(source)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def _content(self, source: Source) -> bytes:
        return self._memory[source.begin : source.begin + source.size]

    def find_spec(self, fullname: str, _path: Any, _target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] in SCREENS:
            return ModuleSpec(fullname, ScreenLoader(), is_package=True)
        source = self._sources.get(fullname)
        if source is None:
            return None
        spec = ModuleSpec(fullname, self, origin=source.path, is_package=source.is_package)
        spec.has_location = True
        if source.is_package:
            spec.submodule_search_locations = [os.path.dirname(source.path)]
        return spec

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._content(self._sources[fullname]))

    def get_code(self, fullname: str) -> CodeType:
        source = self._sources[fullname]
        return compile(self._content(source), source.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)


class ScreenLoader(importlib.abc.Loader):
    """Makes modules whose names are there, and of no use: there is no screen."""

    def exec_module(self, module: ModuleType) -> None:
        def use(*_: Any, **__: Any) -> NoReturn:
            raise RuntimeError(f"{module.__name__} has no screen in here")

        def find(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return use

        module.__getattr__ = find  # type: ignore[method-assign]


def load_compiled() -> None:
    """Import every compiled module that could be asked for: no child can load one."""
    for folder in sys.path:
        if os.path.basename(folder) != "lib-dynload":
            continue
        for file in sorted(os.listdir(folder)):
            name = file.split(".")[0]
            if file.endswith(tuple(EXTENSION_SUFFIXES)) and not name.startswith(NOT_LOADED):
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
    for name in COMPILED_PARTS:
        importlib.import_module(name)
