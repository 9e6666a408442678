"""The runs of a plan: their names, what each needs, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lab3.log.records import Hyperparameters, RunKind, Start, Variant
from tools.reference.plan import Plan
from tools.running.quantizing import QAT_RECIPE
from tools.running.sweeping import settings
from tools.running.training import recipe, with_changes

CALIBRATION_IMAGES, MAX_SHIFT_AMOUNT = 512, 8  # the lab's own
# What a pass over an image costs, training an FP32 network being 1: measured on a CPU.
QAT_COST, INFERENCE_COST = 2.3, 0.3


@dataclass(frozen=True)
class Item:
    """One run of a plan.

    ``name`` is its folder below that of the profile, ``needs`` the run that it continues.
    ``is_measured``: on the test images; ``is_proven``: on integers and shifts alone.
    """

    name: str
    kind: RunKind
    seed: int
    needs: str | None = None
    hyper: Hyperparameters | None = None
    calibration_images: int = CALIBRATION_IMAGES
    qconfig: Literal["ptq", "qat", "default"] = "ptq"
    variant: Variant | None = None
    is_measured: bool = True
    is_proven: bool = False

    def contradictions(self, plan: Plan, start: Start) -> Iterator[str]:
        """Yield what a log's first record has otherwise than the plan."""
        shown = min(self.calibration_images, start.data.train)
        expected: dict[str, Any] = {
            "kind": self.kind,
            "arch": plan.arch,
            "width": plan.width,
            "hyperparameters": self.hyper,
            "variant": self.variant,
            "qconfig": None if self.kind == "train" else self.qconfig,
            "calibration_images": shown if self.kind == "ptq" else None,
        }
        if start.data.name != plan.dataset:
            yield f"its data set is {start.data.name!r}, and {plan.dataset!r} in the plan"
        for name, value in expected.items():
            if (got := getattr(start, name)) != value:
                yield f"{name} is {got!r}, and {value!r} in the plan"

    def cost(self, train: int, validation: int, test: int) -> float:
        """Return about what it costs, in training passes over one image."""
        passes = (2 * validation + test) * INFERENCE_COST
        if self.hyper:
            one = QAT_COST if self.kind == "qat" else 1.0
            passes += self.hyper.epochs * (train * one + validation * INFERENCE_COST)
        return passes + (test * 2 if self.is_proven else 0)


def items_of(plan: Plan) -> list[Item]:
    """Return the runs of a plan, each after the one that it needs."""
    return [
        *(item for seed in plan.seeds for item in lab_items(plan, seed)),
        *per_channel_items(plan),
        *(item for seed in plan.variants.seeds for item in variant_items(plan, seed)),
        *(item for seed in plan.ablation.seeds for item in ablation_items(plan, seed)),
    ]


def lab_items(plan: Plan, seed: int) -> Iterator[Item]:
    """Yield what the lab asks for: the baseline, PTQ and QAT."""
    home = f"runs/seed-{seed}"
    hyper = base_recipe(plan, seed)
    yield Item(f"{home}/fp32", "train", seed, hyper=hyper)
    yield Item(f"{home}/ptq", "ptq", seed, f"{home}/fp32", is_proven=True)
    yield Item(
        f"{home}/qat",
        "qat",
        seed,
        f"{home}/fp32",
        hyper=qat_recipe(plan, hyper),
        qconfig="qat",
        is_proven=True,
    )


def per_channel_items(plan: Plan) -> Iterator[Item]:
    """Yield PTQ and QAT with PyTorch's own configuration."""
    for seed in plan.per_channel.ptq:
        name, baseline = f"variants/seed-{seed}/ptq-per-channel", f"runs/seed-{seed}/fp32"
        yield Item(name, "ptq", seed, baseline, qconfig="default")
    for seed in plan.per_channel.qat:
        hyper = qat_recipe(plan, base_recipe(plan, seed))
        name, baseline = f"variants/seed-{seed}/qat-per-channel", f"runs/seed-{seed}/fp32"
        yield Item(name, "qat", seed, baseline, hyper=hyper, qconfig="default")


def variant_items(plan: Plan, seed: int) -> Iterator[Item]:
    """Yield other ways to do PTQ; what the lab's does itself is left out."""
    home, baseline, variants = f"variants/seed-{seed}", f"runs/seed-{seed}/fp32", plan.variants
    if variants.not_fused:
        unfused = Variant(is_fused=False)
        yield Item(f"{home}/ptq-not-fused", "ptq", seed, baseline, variant=unfused)
    for limit in variants.max_shift_amount:
        if limit != MAX_SHIFT_AMOUNT:
            limited = Variant(max_shift_amount=limit)
            yield Item(f"{home}/ptq-shift-{limit}", "ptq", seed, baseline, variant=limited)
    for images in variants.calibration_images:
        if images != CALIBRATION_IMAGES:
            name = f"{home}/ptq-images-{images}"
            yield Item(name, "ptq", seed, baseline, calibration_images=images)


def ablation_items(plan: Plan, seed: int) -> Iterator[Item]:
    """Yield the runs of the ablation; the test images have no part in it."""
    base = with_changes(base_recipe(plan, seed), plan.ablation.base)
    for name, hyper in settings(base, plan.ablation.vary, grid=False).items():
        path = f"runs/seed-{seed}/sweep/{name}"
        yield Item(path, "train", seed, hyper=hyper, is_measured=False)


def base_recipe(plan: Plan, seed: int) -> Hyperparameters:
    return recipe(plan.dataset, {**plan.fp32, "seed": seed})


def qat_recipe(plan: Plan, hyper: Hyperparameters) -> Hyperparameters:
    return with_changes(hyper, QAT_RECIPE | plan.qat)
