"""Reports written after the rules, by other habits: whole texts with their findings."""

from tests.reports.cases import Case

FIGURE = "![curves](curves.png)"


def written(
    comparison: str,
    *findings: tuple[str, str],
    discussion: str = "Debugging took most of the time.",
    qconfig: str = "The observer maps a scale to a power of two that a right shift can apply.",
    tuning: str = "SGD with a cosine schedule.",
    curves: str = f"{FIGURE}\n\nBoth losses fall until the end.",
) -> Case:
    """A report in six short sections."""
    titles = (
        "1. Model Architecture",
        "2. Training and Validation Curves",
        "3. Accuracy Tuning and Hyperparameter Selection",
        "4. Custom QConfig Implementation",
        "5. Comparison of Quantization Schemes",
        "6. Discussion and Conclusion",
    )
    bodies = ("Bottleneck blocks with stubs.", curves, tuning, qconfig, comparison, discussion)
    parts = [f"### {title}\n\n{body}\n" for title, body in zip(titles, bodies, strict=True)]
    return Case("", (), tuple(findings), whole="\n".join(parts))


TABLE = """\
|        | Test acc. | Δ vs FP32 | Checkpoint size |
|--------|-----------|-----------|-----------------|
| FP32 (baseline) | 95.12 % | | 94.40 MB |
| INT8 PTQ | 94.87 % | -0.25 | 23.66 MB |
| INT8 QAT | 95.02 % | -0.10 | 23.66 MB |
"""
CHINESE_TABLE = """\
| 方法 | 測試準確率 | 檔案大小 | 掉幅 |
|---|---|---|---|
| 原始 FP32 | 94.21% | 94.4MB | 0 |
| 訓練後量化 (PTQ) | 93.88% | 23.7MB | 0.33% |
| 量化感知訓練 (QAT) | 94.05% | 23.7MB | 0.16% |
"""

MICROCONTROLLER = """\
# Lab 3 - group 21

## Section 1: Model Architecture
As in the handout; the fused network has 53 quantized convolutions and 16 quantized additions.

## Section 2: Training and Validation Curves
<figure><img src="curves.png"><figcaption>Curves</figcaption></figure>

At epoch 10/20/40/60 validation accuracy is 84.1/88.7/91.9/93.5 %, training accuracy 80.2/87.9/94.1/97.6 %. They cross at about epoch 25. The final gap of 4.1 points indicates mild overfitting.

## Section 3: Accuracy Tuning and Hyperparameter Selection
We looked at the literature first (Zagoruyko & Komodakis 2016: weight decay 5e-4, lr 0.1, 200 epochs: 96.0 % with WRN-28-10). Our budget was 60 epochs. lr=0.1, momentum=0.9, weight_decay=5e-4, batch_size=128, cosine. Test accuracy was 92.4 % without and 93.2 % with label smoothing.

## Section 4: Custom QConfig Implementation
- `q = round(x/s) + z`, clamped. `s = max(|a|, |b|) / 127.5`. `z = 128` or `0`.
- `S = min(max(round(-log2(s)), 0), max_shift_amount)`
- If the accumulator holds 20,000 and S = 7, the shifted value is 156 and saturates at 127 (qint8), so overflow is possible, but controlled.

## Section 5: Comparison of Quantization Schemes
|Model|Size|Accuracy|Drop|Speed-up|
|:-:|:-:|:-:|:-:|:-:|
|FP32|94.40 MB|93.20%|—|1×|
|PTQ|23.66 MB|92.10%|1.10 pp|2.9×|
|QAT|23.66 MB|93.00%|0.20 pp|2.9×|

## Section 6: Discussion and Conclusion
QAT outperforms PTQ, as theory says. The difference (0.90 points) is clearly larger than the statistical uncertainty of about 0.26 points. For deployment on a microcontroller with 32 MB of flash FP32 (94.40 MB) doesn't fit, the INT8 network (23.66 MB) does. Our group spent 11 h 30 min.
"""
FOUR_FAULTS = """\
# Lab 3 報告
## 1. Model Architecture
stub、add_relu、fuse_model。
## 2. Training and Validation Curves
![c](curves.png)
訓練 97.2%,驗證 93.1%,輕微過擬合。
## 3. Accuracy Tuning and Hyperparameter Selection
SGD、cosine、60 epochs。最終模型在測試集上達到 93.58%。
## 4. Custom QConfig Implementation
s = max(|min|, |max|)/255,z 為 128 或 0。
S 為 round(-log2 s),夾在 [0, 8]。右移取代乘法。
## 5. Comparison of Quantization Schemes
| Model | Size (MB) | Accuracy (%) | Accuracy Drop (%) |
|---|---|---|---|
| FP32 | 94.40 | 92.85 | 0 |
| PTQ | 24.11 | 92.41 | 0.44 |
| QAT | 23.66 | 92.80 | 0.05 |
## 6. Discussion and Conclusion
QAT 比 PTQ 高 0.39 個百分點,但 FP32 仍低於 QAT。
"""

WHOLE = {
    "written: signed differences": written(
        TABLE,
        discussion="Quantization costs a quarter of a point with PTQ and a tenth with QAT. The file shrinks "
        "to a quarter, i.e. by roughly 75 %. The first PTQ attempt ended at 10.00 % because the model was in train mode.",
    ),
    "written: Chinese, all right": written(
        CHINESE_TABLE,
        discussion="如預期，QAT 的準確率比 PTQ 高 0.17 個百分點，但仍略低於 FP32。模型縮小約 75%。"
        "剛開始沒有呼叫 eval()，PTQ 準確率掉到 10%，修正後恢復正常。",
        qconfig="權重使用 qint8，zero point 為 0；激活值使用 quint8，zero point 為 128。S = round(-log2(scale))，"
        "並以 max(0, min(S, 8)) 限制範圍。",
    ),
    "written: two tables and a note on latency": written(
        "| Model | Accuracy | Drop |\n|:-|-:|-:|\n| FP32 | 94.8% | — |\n| PTQ | 94.1% | 0.7 pp |\n| QAT | 94.6% | 0.2 pp |\n\n"
        "| Model | Size | Inference time |\n|:-|-:|-:|\n| FP32 | 94.4 MB | 41.2 ms |\n| PTQ | 23.7 MB | 16.5 ms |\n| QAT | 23.7 MB | 16.4 ms |\n\n"
        "INT8 inference is about 2.5 times faster than FP32.",
        discussion="Both quantized models stay within one point of the baseline. We expected QAT to beat FP32, which it did not.",
    ),
    "written: per-channel compared on purpose": written(
        "| Config | Acc (%) | Size (MB) |\n|---|---|---|\n| FP32 | 93.50 | 94.40 |\n| PTQ, CustomQConfig | 92.80 | 23.66 |\n"
        "| PTQ, default qconfig (per channel) | 93.30 | 24.11 |\n| QAT, CustomQConfig | 93.20 | 23.66 |\n",
        discussion="The default qconfig is more accurate, since each channel has a scale of its own, but needs multipliers.",
    ),
    "written: questions kept and answered": written(
        TABLE,
        discussion="**Did QAT outperform PTQ as expected?**\n\nYes, by 0.15 points.\n\n**What challenges did you face?**\n\n"
        "None worth telling.\n\n**Any feedback?**\n\nMore time, please.",
        qconfig="**Q: Can overflow occur?**\n\nA: Without the limit S could become 33; with it S is at most 8.",
    ),
    "written: the drop of PTQ as a fraction in Chinese": written(
        CHINESE_TABLE.replace("| 0.33% |", "| 0.0033% |"), ("drop-unit", "PTQ")
    ),
    "written: a swapped claim": written(
        TABLE,
        ("claim-order", "PTQ turned out"),
        discussion="Surprisingly, PTQ turned out to be more accurate than QAT on the test set.",
    ),
    "written: twice the real loss": written(
        TABLE,
        ("claim-drop", "0.5 percentage points"),
        discussion="With PTQ we lose only about 0.5 percentage points of accuracy.",
    ),
    "written: MiB by habit": written(
        TABLE.replace("94.40 MB", "90.03 MB").replace("23.66 MB", "22.56 MB"),
        ("size-mib", "FP32 (baseline)"),
        ("size-mib", "INT8 PTQ"),
        ("size-mib", "INT8 QAT"),
    ),
    "written: fusion forgotten for QAT": written(
        TABLE.replace("-0.10 | 23.66 MB", "-0.10 | 24.08 MB"), ("size-scheme", "INT8 QAT")
    ),
    "written: compressed eightfold": written(
        CHINESE_TABLE,
        ("compression", "8 倍"),
        discussion="量化後的模型體積縮小了 8 倍，非常適合嵌入式裝置。",
    ),
    "written: truncated shift": written(
        TABLE,
        ("shift-rounding", "rounded down"),
        qconfig="We compute -log2(scale) and the shift amount S is rounded down to an integer between 0 and 8.",
    ),
    "written: unsigned zero point": written(
        TABLE,
        ("zero-point", "zero_point = 0"),
        qconfig="For activations (quint8) zero_point = 0, for weights (qint8) zero_point = 0.",
    ),
    "written: template left": written(
        TABLE,
        ("placeholder", "Write your answer here"),
        discussion="* Did QAT outperform PTQ?\n\n  Write your answer here\n\n* Any feedback on this lab?\n",
    ),
    "written: speed invented": written(
        "| | FP32 | PTQ | QAT |\n|---|---|---|---|\n| Accuracy (%) | 94.0 | 93.2 | 93.6 |\n| Accuracy drop (%) | - | 0.8 | 0.4 |\n"
        "| Latency (ms) | 40 | 20 | 20 |\n| Speedup | 1x | 4x | 2x |\n",
        ("speed-up", "Speedup"),
        discussion="推論速度加快 2 倍。",
    ),
    "written: much prose with innocent numbers": Case("", whole=MICROCONTROLLER),
    "written: faults in four places": Case(
        "",
        findings=(
            ("claim-accuracy", "最終模型在測試集上達到 93.58%"),
            ("scale-formula", "s = max(|min|, |max|)/255"),
            ("size-scheme", "| PTQ | 24.11"),
            ("claim-order", "FP32 仍低於 QAT"),
        ),
        whole=FOUR_FAULTS,
    ),
}
