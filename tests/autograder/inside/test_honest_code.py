"""What honest code does works behind the walls as it does without them."""

import json

import pytest

from autograder.host.child import Limits
from autograder.host.sandbox import Sandbox, Tier, why_not
from tests.making.graders import load

HONEST = {
    "an optimizer": "p = nn.Parameter(torch.ones(2)); p.grad = torch.ones(2)\n"
    "torch.optim.SGD([p], lr=0.1).step(); result = p.tolist()",
    "checkpointing": "from torch.utils.checkpoint import checkpoint\n"
    "result = checkpoint(torch.relu, torch.ones(2), use_reentrant=False).tolist()",
    "a graph": "import torch.fx; result = len(torch.fx.symbolic_trace(nn.ReLU()).graph.nodes)",
    "a script": "result = torch.jit.script(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()))"
    "(torch.ones(1, 1, 2, 2)).shape[0]",
    "pruning": "import torch.nn.utils.prune as prune\n"
    "result = float(prune.l1_unstructured(nn.Linear(4, 4), 'weight', 4).weight_mask.sum())",
    "the source of a class": "import inspect; result = inspect.getsource(nn.Conv2d)[:14]",
    "the source of its own": "import inspect; result = inspect.getsource(own)",
    "whether a file is there": "from pathlib import Path\n"
    "result = [Path('data').exists(), Path('data').is_dir(), os.path.exists('/no/such')]",
    "quiet output": "import contextlib\n"
    "with open(os.devnull, 'w') as quiet, contextlib.redirect_stdout(quiet): print('x')\n"
    "result = 1",
    "a copy": "import copy, pickle; net = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3))\n"
    "result = len(pickle.dumps(copy.deepcopy(net).state_dict())) > 100",
    "chance": "import random; random.seed(1); torch.manual_seed(1); import numpy\n"
    "result = [random.random(), torch.rand(1).item(), numpy.random.default_rng(1).random()]",
    "a fresh seed": "result = torch.seed() > 0",
    "time": "import time; began = time.perf_counter(); time.sleep(0.01)\n"
    "result = time.perf_counter() - began > 0.009",
    "logging and warnings": "import logging, warnings; logging.warning('x'); warnings.warn('x')\n"
    "result = 1",
    "the standard library": "import argparse, asyncio, bisect, csv, ctypes, dataclasses, decimal\n"
    "import difflib, doctest, enum, fractions, functools, glob, hashlib, heapq, itertools, json\n"
    "import math, multiprocessing, numbers, operator, platform, pprint, queue, re, secrets\n"
    "import shutil, sqlite3, statistics, string, struct, subprocess, tempfile, textwrap\n"
    "import threading, timeit, typing, unittest, uuid, xml.etree.ElementTree, zipfile, zlib\n"
    "result = platform.machine()",
    "more of PyTorch": "import torch.autograd.functional, torch.distributions, torch.fft\n"
    "import torch.linalg, torch.nn.init, torch.nn.quantized, torch.sparse, torch.special\n"
    "import torch.utils.data, torch.ao.nn.intrinsic.qat, torch.ao.quantization.quantize_fx\n"
    "result = float(torch.linalg.norm(torch.ones(4)))",
    "threads that are set": "torch.set_num_threads(2); result = float(torch.ones(4).sum())",
    "much memory": "result = float(torch.ones(200_000_000).sum())",
}
PROLOGUE = """
import json, os, sys, traceback
import torch
from torch import nn
def own(): pass
said = {}
for name, code in CODES.items():
    found = dict(torch=torch, nn=nn, os=os, own=own)
    try:
        exec(code, found)
        said[name] = found["result"]
    except BaseException as error:
        said[name] = traceback.format_exc()[-600:]
sys.__stdout__.write("SAID" + json.dumps(said))
"""


def answers(tier: Tier) -> dict[str, object]:
    """Return what each piece of code found behind the walls of a tier."""
    code = PROLOGUE.replace("CODES", repr(HONEST))
    with Sandbox((tier,)) as sandbox:
        child = sandbox.fork({"observer.py": code.encode()}, Limits(probe_s=60))
        try:
            load(child)
            told = child.take_output().decode()
        finally:
            child.close()
    found: dict[str, object] = json.loads(told.rpartition("SAID")[2])
    return found


@pytest.fixture(scope="module")
def outside() -> dict[str, object]:
    return answers("none")


@pytest.mark.parametrize("tier", ["namespaces", pytest.param("landlock", marks=pytest.mark.slow)])
def test_honest_code_finds_the_same_inside(tier: Tier, outside: dict[str, object]) -> None:
    if fault := why_not(tier):
        pytest.skip(fault)
    inside = answers(tier)
    different = {name: inside[name] for name in HONEST if inside[name] != outside[name]}
    assert not different
    assert not [name for name, found in outside.items() if "Traceback" in str(found)]
