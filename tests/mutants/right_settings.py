"""Right submissions that set, import, ask or print what has nothing to do with the answers."""

from tests.mutants.edits import (
    FUSE_BLOCK,
    NETWORK,
    OBSERVER,
    RESNET,
    SCALE,
    Change,
    above,
    below,
    first,
)

SETTINGS: dict[str, tuple[Change, ...]] = {
    # how PyTorch and Python compute
    **{
        f"engine {name}": (below(RESNET, f"torch.backends.quantized.engine = {name!r}"),)
        for name in ("qnnpack", "fbgemm", "onednn")
    },
    "deterministic algorithms": (
        below(
            RESNET,
            """
            torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False
            """,
        ),
    ),
    "deterministic as far as possible": (
        below(RESNET, "torch.use_deterministic_algorithms(True, warn_only=True)"),
    ),
    "warnings are errors": (below(RESNET, "import warnings\n\nwarnings.simplefilter('error')"),),
    "warnings are errors in forward": (
        below(RESNET, "import warnings"),
        first(NETWORK, "warnings.filterwarnings('error', category=DeprecationWarning)"),
    ),
    "NumPy raises": (below(OBSERVER, "import numpy as np\n\nnp.seterr(all='raise')"),),
    "threads": (below(RESNET, "torch.set_num_threads(1)\ntorch.set_num_interop_threads(1)"),),
    "defaults said again": (
        below(
            RESNET,
            """
            torch.set_default_dtype(torch.float32)
            torch.set_default_device("cpu")
            torch.set_float32_matmul_precision("high")
            torch.set_printoptions(precision=2, sci_mode=False)
            """,
        ),
    ),
    "another type by default for a moment": (
        first(
            NETWORK,
            """
            before = torch.get_default_dtype()
            torch.set_default_dtype(torch.float64)
            torch.set_default_dtype(before)
            """,
        ),
    ),
    "anomalies detected": (below(RESNET, "torch.autograd.set_detect_anomaly(True)"),),
    "no subnormal numbers": (below(OBSERVER, "torch.set_flush_denormal(True)"),),
    "every seed": (
        below(
            RESNET,
            """
            import random
            import numpy as np

            random.seed(0)
            np.random.seed(0)
            torch.manual_seed(0)
            torch.cuda.manual_seed_all(0)
            """,
        ),
    ),
    "no garbage collected": (
        below(RESNET, "import gc\nimport sys\n\ngc.disable()\nsys.setrecursionlimit(5000)"),
    ),
    # what they ask of the computer
    "a GPU asked for": (
        below(
            RESNET,
            """
            DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            HAS_MPS = torch.backends.mps.is_available()
            """,
        ),
    ),
    "the system asked": (
        below(
            OBSERVER,
            """
            import os
            import platform
            import sys
            import uuid
            from datetime import datetime

            FACTS = [platform.system(), platform.python_version(), os.getpid(), os.cpu_count(),
                     uuid.uuid4(), os.urandom(4), os.environ.get("DEBUG"), sys.argv, os.getcwd(),
                     datetime.now().isoformat()]
            """,
        ),
    ),
    "its own place": (
        below(
            RESNET,
            """
            import os
            import sys
            from pathlib import Path

            HERE = Path(__file__).resolve().parent
            sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
            """,
        ),
    ),
    "a file looked for": (
        below(
            RESNET,
            """
            import os
            from pathlib import Path

            DEBUG = os.path.exists("debug.flag") or Path("debug.flag").exists()
            """,
        ),
    ),
    "the clock": (
        below(OBSERVER, "import time"),
        first(SCALE, "began = time.perf_counter(), time.time(), time.process_time()"),
    ),
    # what they print and note
    "much printed": (
        first(SCALE, "print('x' * 20_000)"),
        first(NETWORK, "print(x.tolist())"),
    ),
    "logged with time and place": (
        below(
            RESNET,
            """
            import logging

            logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(funcName)s %(message)s")
            log = logging.getLogger("lab3")
            """,
        ),
        first(NETWORK, "log.debug('shape %s', tuple(x.shape))"),
        first(FUSE_BLOCK, "log.info('%s', self)"),
    ),
    "a lock and a last word": (
        below(
            OBSERVER,
            """
            import atexit
            import threading

            LOCK = threading.RLock()
            atexit.register(print, "done")
            """,
        ),
        first(SCALE, "with LOCK:\n    pass"),
    ),
    "its own source": (
        below(RESNET, "import inspect"),
        first(NETWORK, "assert 'conv1' in inspect.getsource(type(self))"),
    ),
    # what they import
    "much of PyTorch": (
        below(
            RESNET,
            """
            import torch.ao.nn.intrinsic as nni
            import torch.ao.nn.intrinsic.qat as nniqat
            import torch.ao.quantization.quantize_fx
            import torch.distributed as dist
            import torch.fx
            import torch.nn.functional as F
            import torch.nn.intrinsic
            import torch.nn.utils.prune
            import torch.optim as optim
            import torch.profiler
            import torch.quantization as quant
            import torchvision.models as models
            import torchvision.transforms as T
            from torch.ao.quantization import HistogramObserver, MinMaxObserver, QConfigMapping
            from torch.cuda.amp import GradScaler, autocast
            from torch.nn.parallel import DistributedDataParallel
            from torchvision.datasets import CIFAR10
            from torchvision.models.quantization import resnet50
            """,
        ),
    ),
    "much of Python and NumPy": (
        below(
            OBSERVER,
            """
            import abc, argparse, array, ast, asyncio, base64, calendar, cmath, collections.abc
            import concurrent.futures, configparser, contextvars, copy, csv, ctypes, decimal, dis
            import difflib, doctest, email, enum, fractions, functools, glob, gzip, hashlib, heapq
            import html, http.client, inspect, io, itertools, json, locale, logging.config, lzma
            import multiprocessing, numbers, operator, pathlib, pdb, pickle, pprint, profile, queue
            import random, re, secrets, select, shelve, shutil, signal, socket, sqlite3, statistics
            import string, struct, subprocess, sys, tempfile, textwrap, threading, timeit, tokenize
            import traceback, types, typing, unittest.mock, urllib.request, uuid, warnings, weakref
            import xml.etree.ElementTree, zipfile, zoneinfo
            import numpy.fft, numpy.linalg, numpy.ma, numpy.polynomial, numpy.random, numpy.testing
            import numpy.typing as npt

            Array = npt.NDArray
            """,
        ),
    ),
    "only for type checkers": (
        above(
            RESNET,
            """
            from __future__ import annotations
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from tensorflow import Tensor as TfTensor
            """,
        ),
    ),
    "what an editor imports by itself": (
        above(
            RESNET, "from curses import meta\nfrom tkinter import Y\nfrom turtle import forward\n"
        ),
        above(OBSERVER, "import tkinter.ttk\nfrom tkinter import *\n"),
    ),
    "all names of a package": (below(RESNET, "from torch.nn import *\nfrom typing import *"),),
    "names for export": (
        below(RESNET, '__all__ = ["QuantizableBottleneck", "QuantizableResNet", "build_network"]'),
    ),
}

QUICK_SETTINGS = {
    "engine qnnpack",
    "deterministic algorithms",
    "warnings are errors",
    "a file looked for",
    "logged with time and place",
    "its own source",
    "much of PyTorch",
}
