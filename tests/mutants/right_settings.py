"""Right submissions that set, import, ask or print what has nothing to do with the answers."""

import codecs

from tests.mutants.edits import (
    ADD,
    BLOCK,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    OBSERVER,
    RESNET,
    SCALE,
    Change,
    above,
    below,
    first,
    inside,
    last,
    recoded,
    text,
)
from tests.mutants.pieces import RESULT

SETTINGS: dict[str, tuple[Change, ...]] = {
    "stubs left under the answers": (
        *(
            inside(
                function,
                last,
                last + "\n        raise NotImplementedError('part 0 of the handout')",
            )
            for function, last in (
                (SCALE, RESULT),
                (BLOCK, "return self.add_relu(out, identity)"),
                (ADD, "return self.skip_add_relu.add_relu(out, identity)"),
                (NETWORK, "return self.dequant(x)"),
            )
        ),
        last(FUSE_BLOCK, "return None\nraise NotImplementedError"),
        last(FUSE_NETWORK, "return\nraise NotImplementedError('part 0 of the handout')"),
    ),
    "no type hints": (
        text(
            OBSERVER,
            "(self, scale: float, max_shift_amount: int = 8) -> float:",
            "(self, scale, max_shift_amount=8):",
        ),
        text(RESNET, "(self, x: Tensor) -> Tensor:", "(self, x):"),
        text(RESNET, "(self, out: Tensor, identity: Tensor) -> Tensor:", "(self, out, identity):"),
        text(RESNET, "(self, is_qat: bool = False) -> None:", "(self, is_qat=False):"),
    ),
    "helpers of its own": (
        below(
            RESNET,
            """
            PAIRS = (("conv1", "bn1", "relu1"), ("conv2", "bn2", "relu2"), ("conv3", "bn3"))


            class Helper:
                fusers = {True: tq.fuse_modules_qat, False: tq.fuse_modules}


            def fuser(is_qat):
                return Helper.fusers[bool(is_qat)]
            """,
        ),
        inside(
            FUSE_BLOCK,
            "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules",
            "fuse = fuser(is_qat)",
        ),
        inside(
            FUSE_BLOCK,
            'groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]',
            "groups = [list(pair) for pair in PAIRS]",
        ),
    ),
    "a test of its own": (
        text(
            RESNET,
            "\n\nARCHITECTURES",
            "\n\nif __name__ == '__main__':\n    raise SystemExit('not imported')\n\nARCHITECTURES",
        ),
    ),
    "resnet imports observer": (below(RESNET, "from lab3.observer import CusQuantObserver"),),
    "given files imported": (
        below(OBSERVER, "from lab3.errors import LabError\nimport lab3.engines"),
    ),
    "imports inside": (first(SCALE, "import math, os, sys, time, random, json"),),
    "random numbers": (
        below(RESNET, "import random\n\nrandom.seed(1)\ntorch.manual_seed(42)"),
        first(NETWORK, "torch.manual_seed(random.randrange(9))"),
    ),
    "forbidden words in comments": (
        above(
            OBSERVER, "# import os, subprocess; eval('1'); exec; open('/etc/passwd'); __import__\n"
        ),
        above(
            RESNET, "# torch.load, pickle.loads, NotImplementedError, os.system, socket, pytest\n"
        ),
    ),
    "Windows lines": (
        recoded(RESNET, lambda source: source.replace(b"\n", b"\r\n")),
        recoded(OBSERVER, lambda source: source.replace(b"\n", b"\r\n")),
    ),
    "old Mac lines": (recoded(OBSERVER, lambda source: source.replace(b"\n", b"\r")),),
    "byte order mark": (
        recoded(RESNET, lambda source: codecs.BOM_UTF8 + source),
        recoded(OBSERVER, lambda source: codecs.BOM_UTF8 + source),
    ),
    "tabs": (
        recoded(RESNET, lambda source: source.replace(b"    ", b"\t")),
        recoded(OBSERVER, lambda source: source.replace(b"    ", b"\t")),
    ),
    "Chinese comments": (
        inside(SCALE, RESULT, f"# 四捨五入到最接近的整數\n        說明 = '右移'\n        {RESULT}"),
    ),
    "Big5": (
        above(OBSERVER, "# -*- coding: big5 -*-\n# 觀察器\n"),
        recoded(OBSERVER, lambda source: source.decode().encode("big5")),
    ),
    "Latin-1": (
        above(RESNET, "# -*- coding: latin-1 -*-\n# Größe\n"),
        recoded(RESNET, lambda source: source.decode().encode("latin-1")),
    ),
    "stray bytes in a comment": (
        recoded(OBSERVER, lambda source: b"# \xb5\xe6\xff\n" + source),
        recoded(RESNET, lambda source: source + b"\n# \x80\xfe"),
    ),
    "Big5 without a cookie": (
        recoded(OBSERVER, lambda source: "# 觀察器\n".encode("big5") + source),
    ),
    "form feeds and blank ends": (
        recoded(RESNET, lambda source: source.replace(b"\n\n\n", b"\n\x0c\n  \n") + b"\n\n   \n\n"),
    ),
    "no newline at the end": (recoded(OBSERVER, bytes.rstrip),),
    "from __future__": (above(RESNET, '"""Mine."""\nfrom __future__ import annotations\n'),),
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
    "much of PyTorch",
}
