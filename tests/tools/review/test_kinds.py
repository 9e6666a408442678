"""One small report for each kind of fault that students make, and of text that only looks like one."""

from pathlib import Path

import pytest

from tools.review import review

TABLE = """\
| Model | Size (MB) | Accuracy (%) | Latency (ms) |
|---|---|---|---|
| FP32 | 94.40 | 95.20 | 22.0 |
| PTQ | 23.66 | 94.70 | 8.0 |
| QAT | 23.66 | 95.05 | 11.0 |

"""
FOUND = {
    "a wrong speed-up is corrected for the network of its heading": (
        TABLE + "### QAT\n\n- Inference becomes 60 % faster.\n",
        "speed-up",
        "2.00x",
    ),
    "a pasted log contradicts the table": (
        "We ran it again:\n\n```\n[Latency] FP32: 11.00 ms | INT8: 5.00 ms\n```\n\n"
        "| Model | Latency (ms) | Accuracy (%) |\n|---|---|---|\n| FP32 | 14.00 | 95.2 |\n"
        "| PTQ | 5.00 | 94.7 |\n",
        "tables-differ",
        "FP32: 11 ms or 14 ms",
    ),
    "a loss is called a gain": (
        TABLE + "PTQ improves accuracy by 0.5 points.\n",
        "drop-sign",
        "PTQ loses",
    ),
    "headings without text": (
        "## 1. Model Architecture\n\n## 2. Training and Validation Curves\n\n## 3. Hyperparameters\n",
        "section-empty",
        "Model Architecture",
    ),
    "no quantized network": (
        "## 5. Comparison\n\nThe network reaches 95.2 % on the test images.\n\n## 6. Discussion\n\nFine.\n",
        "results-missing",
        "PTQ",
    ),
    "another lab": (
        "# Lab 2: pruning\n\nWe prune a VGG-16.\n\n| Layer | Energy (pJ) |\n|---|---|\n| conv1 | 12 |\n",
        "other-lab",
        "Lab 3",
    ),
    "two tables differ": (
        TABLE + "| Model | Accuracy (%) |\n|---|---|\n| FP32 | 95.60 |\n| PTQ | 94.70 |\n",
        "tables-differ",
        "95.20 % or 95.60 %",
    ),
    "drops in a table of their own": (
        TABLE + "| Model | Accuracy drop (points) |\n|---|---|\n| PTQ | -0.50 |\n| QAT | 0.15 |\n",
        "drop-sign",
        "0.50 points",
    ),
    "a drop without the word accuracy": (
        TABLE + "PTQ drops by 1.4 points against FP32.\n",
        "claim-drop",
        "0.50 points",
    ),
    "a latency in the text": (TABLE + "PTQ needs 9.5 ms.\n", "claim-latency", "8 ms"),
    "a file called smaller": (
        TABLE + "The file of PTQ is smaller than that of QAT.\n",
        "claim-order",
        "the same",
    ),
    "a network called faster": (TABLE + "QAT runs faster than PTQ.\n", "claim-order", "slower"),
    "accuracies called the same": (
        TABLE + "PTQ and QAT have the same accuracy.\n",
        "claim-same",
        "94.70 %",
    ),
    "a zero point in the text": (
        "For unsigned activations the zero point is 127.\n",
        "zero-point",
        "128",
    ),
    "a zero point in code": (
        "```python\nzero_point = 0 if dtype == torch.qint8 else 127\n```\n",
        "zero-point",
        "128",
    ),
    "no power of two": (
        "The scale becomes a quarter power: we round the exponent to quarter steps.\n",
        "scale-power",
        "integer",
    ),
    "a scale twice as large": (
        "For weights, scale = 2 * max(|min|, |max|) / 127.\n",
        "scale-formula",
        "255",
    ),
    "a range that contradicts itself": (
        "Activations use quint8 from 0 to 255, so qmax - qmin = 256.\n",
        "integer-range",
        "255",
    ),
    "brackets left": (
        "## 6. Discussion\n\n- Worst classes: [fill in from the matrix]\n",
        "placeholder",
        "answer",
    ),
    "a heading of dots": ("## 6. Discussion\n\n#### Problem 2: ...\n", "placeholder", "answer"),
    "a chat left over": (
        "## 4. QConfig\n\nGood question! Let's dive in.\n\nThe clamp helps your observer.\n",
        "chat-residue",
        "your own",
    ),
    "a better baseline in the text": (
        "## 3. Hyperparameters\n\nThe best test accuracy of FP32 was 96.10 %.\n\n## 5. Comparison\n\n"
        + TABLE,
        "best-accuracy",
        "96.10",
    ),
    "a leak of validation images": (
        TABLE + "During QAT the validation accuracy reached 99.2 %.\n",
        "validation-leak",
        "split",
    ),
    "what a setting costs": (
        "## 3. Hyperparameters\n\n| Augmentation | Epochs | Val accuracy (%) |\n|---|---|---|\n"
        "| none | 50 | 88.1 |\n| flip, crop | 50 | 93.4 |\n\n"
        "Removing augmentation costs only 3 points of validation accuracy.\n",
        "ablation-claim",
        "5.30",
    ),
    "hyperparameters of two sections": (
        "## 2. Curves\n\nWe trained for 50 epochs.\n\n## 3. Hyperparameters\n\n| Hyperparameter | Value |\n"
        "|---|---|\n| Epochs | 80 |\n",
        "hyperparameters-differ",
        "50 or 80",
    ),
    "epochs of a log that the text contradicts": (
        "We trained for 30 epochs.\n\n```\nEpoch 1/20 lr=9.00e-05, train_loss=0.2, val_loss=0.6, "
        "train_acc=0.92, val_acc=0.82\n```\n",
        "hyperparameters-differ",
        "30 or 20",
    ),
    "a denied gap": (
        "Training accuracy ends at 99.8 %, validation accuracy at 87.9 %, so there is no overfitting.\n",
        "overfitting-gap",
        "11.9",
    ),
    "more than eight bits can save": (
        "| Model | Size (MB) | Accuracy (%) |\n|---|---|---|\n| FP32 | 188.80 | 95.2 |\n| PTQ | 23.66 | 94.7 |\n",
        "size-bits",
        "at most 4x",
    ),
    "a size that its parameters contradict": (
        "The network has 5,000,000 parameters.\n\n| Model | Size (MB) | Accuracy (%) |\n|---|---|---|\n"
        "| FP32 | 19.07 | 95.2 |\n",
        "size-parameters",
        "20.00 MB",
    ),
    "results in a fence": (
        "```\nModel | Accuracy | Size\nPTQ | 94.70 % | 23.66 MB\nQAT | 95.05 % | 23.66 MB\n```\n\n"
        "QAT reaches 95.50 %.\n",
        "claim-accuracy",
        "95.05",
    ),
    "a request of two sentences": (
        "## 4. QConfig\n\n1. **Observer:** Explain how the observer finds its range. Why is that enough?\n",
        "prompt-unanswered",
        "answer",
    ),
    "an impossible accuracy": (
        TABLE.replace("94.70", "947.0"),
        "accuracy-range",
        "0 and 100",
    ),
    "one image twice": (
        "First: ![a](https://e.org/loss.png)\n\nSecond: ![b](https://e.org/loss.png)\n",
        "image-repeated",
        "image",
    ),
}
LEFT_ALONE = {
    "a label in Chinese before its answer": (
        "## 1. Model Architecture\n\n* **說明：** 卷積與批次正規化先合併，殘差相加交給 FloatFunctional。\n"
    ),
    "an answer in the same item": (
        "## 2. Training and Validation Curves\n\n![c](https://e.org/c.png)\n\n"
        "* Does the network overfit? Argue from the curves.\n**說明：**\n驗證損失沒有回升，所以沒有過擬合。\n"
    ),
    "answers below subheadings": (
        "## 6. Discussion and Conclusion\n\n- Was QAT better than PTQ?\n- Which problems came up?\n\n"
        "### QAT against PTQ\n\nYes, by a little, which is what we hoped for.\n\n"
        "### Problems\n\nThe observers had seen no data at first; calibrating solved it.\n"
    ),
    "better in something else": TABLE + "PTQ beats QAT in simplicity and training cost.\n",
    "a gain with the other's number beside it": (
        TABLE + "Over PTQ (94.70 %), QAT gains 0.35 points.\n"
    ),
    "a ratio of the INT8 networks": TABLE + "PTQ is 1.38x faster than QAT.\n",
    "a third configuration": TABLE + "FP16 has 95.15 % and is 1.5x faster than FP32.\n",
    "another observer": TABLE + "With a percentile observer PTQ gives 94.20 %.\n",
    "baseline in a remark": (
        "| Calibration images | INT8 accuracy | Accuracy drop | Remark |\n|---|---|---|---|\n"
        "| 32 | 93.10% | 2.10% | baseline |\n| 512 | 94.70% | 0.50% | best |\n"
    ),
    "an answer below its label": "## 5. Comparison\n\n### Your Answer\n\n" + TABLE,
    "a dash for a test accuracy": (
        "## 3. Hyperparameters\n\n| Epochs | Validation accuracy | Test accuracy |\n|---|---|---|\n"
        "| 20 | 91.20% | 91.05% |\n| 80 | 94.00% | - |\n"
    ),
    "a share of weights": TABLE + "In PTQ, 91.3 % of the weights are below 0.1.\n",
}


@pytest.mark.parametrize("kind", FOUND)
def test_a_fault_of_each_kind_is_found(kind: str) -> None:
    text, rule, right = FOUND[kind]
    found = [f for f in review(text, Path("nowhere")) if f.rule == rule]
    assert any(right in f"{f.should} {f.why}" for f in found), found


@pytest.mark.parametrize("kind", LEFT_ALONE)
def test_what_only_looks_like_a_fault_is_left_alone(kind: str) -> None:
    found = review(LEFT_ALONE[kind], Path("nowhere"))
    assert [f for f in found if f.rule not in ("section-missing", "results-missing")] == []
