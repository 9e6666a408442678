"""Reports and exactly what a review must find in each: rules, and pieces of their lines."""

from dataclasses import dataclass, field

from tests.reports.bases import BASES

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
FILES = {"curves.png": PNG, "圖 表/曲線.png": PNG}


@dataclass(frozen=True)
class Case:
    """A base report, changes to it, and its findings as (rule, piece of the line found)."""

    base: str
    changes: tuple[tuple[str, str], ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    files: dict[str, bytes] = field(default_factory=lambda: FILES)
    whole: str = ""  # instead of a base

    @property
    def text(self) -> str:
        text = self.whole or BASES[self.base]
        for old, new in self.changes:
            assert text.count(old) == 1, f"{self.base} has {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        return text


def right(base: str, *changes: tuple[str, str]) -> Case:
    return Case(base, changes)


def wrong(base: str, old: str, new: str, *findings: tuple[str, str]) -> Case:
    """One change, and what it has to give."""
    return Case(base, ((old, new),), findings)


TITLES = (
    "1. Model Architecture (10%)",
    "2. Training and Validation Curves (10%)",
    "3. Accuracy Tuning and Hyperparameter Selection (20%)",
    "4. Custom QConfig Implementation (25%)",
    "5. Comparison of Quantization Schemes (25%)",
    "6. Discussion and Conclusion (10%)",
)
PTQ_ROW = "| PTQ | 23.66 | 92.99 | 0.97 | 12.00 | 2.50x |"
QAT_ROW = "| QAT | 23.66 | 93.41 | 0.55 | 12.00 | 2.50x |"

RIGHT = {
    **{f"{name} as it is": right(name) for name in BASES},
    "rounding of a drop": right("english", ("| 92.99 | 0.97 |", "| 92.99 | 0.98 |")),
    "drops to one decimal": right(
        "english", ("| 92.99 | 0.97 |", "| 93.0 | 1.0 |"), ("92.99%", "93.0%")
    ),
    "bold and about": right(
        "english", (PTQ_ROW, "| PTQ | 23.66 | **≈93.0%** | ~1.0 | 12 | 2.5x |")
    ),
    "blank baseline": right(
        "english", ("| 93.96 | 0.00 | 30.00 | 1.00x |", "| 93.96 | | 30.00 | |")
    ),
    "another version's size": right("english", ("| FP32 | 94.40 |", "| FP32 | 94.41 |")),
    "sizes in MiB by name": right(
        "english",
        ("Size (MB)", "Size (MiB)"),
        ("94.40", "90.03"),
        (PTQ_ROW, PTQ_ROW.replace("23.66", "22.56")),
        (QAT_ROW, QAT_ROW.replace("23.66", "22.56")),
    ),
    "the default qconfig described": right(
        "english",
        (
            QAT_ROW,
            QAT_ROW
            + "\n| PTQ (default per-channel qconfig) | 24.11 | 93.50 | 0.46 | 12.00 | 2.50x |",
        ),
    ),
    "fusion left out and said so": right(
        "english",
        (QAT_ROW, QAT_ROW + "\n| PTQ (not fused) | 24.08 | 92.90 | 1.06 | 15.00 | 2.00x |"),
    ),
    "text right below a table": right(
        "english", ("**94.58%** |\n", "**94.58%** |\nEverything else is the default.\n")
    ),
    "numbered titles with a line below": right(
        "english",
        *((f"## {title}", f"{title}\n------------") for title in TITLES),
    ),
    "a signed change": right(
        "english",
        ("Accuracy drop (points)", "Accuracy change (points)"),
        ("| 92.99 | 0.97 |", "| 92.99 | -0.97 |"),
        ("| 93.41 | 0.55 |", "| 93.41 | -0.55 |"),
    ),
    "relative and said so": right(
        "english",
        ("Accuracy drop (points)", "Relative accuracy drop (%)"),
        ("| 92.99 | 0.97 |", "| 92.99 | 1.03 |"),
        ("| 93.41 | 0.55 |", "| 93.41 | 0.59 |"),
    ),
    "history in other words": right(
        "english",
        (
            "`Fusion only for eval!`",
            "Originally PTQ accuracy dropped by 12 % because of a bug. `Fusion only for eval!`",
        ),
    ),
    "general statements": right(
        "english",
        (
            "`Fusion only for eval!`",
            "PTQ usually loses 2 % of accuracy and QAT might lose 0.1 %. `Fusion only for eval!`",
        ),
    ),
    "a remote image": right("english", ("(curves.png)", "(https://i.imgur.com/abc.png)")),
    "another network": right(
        "english",
        ("| FP32 | 94.40 |", "| FP32 | 2.09 |"),
        (PTQ_ROW, PTQ_ROW.replace("23.66", "0.54")),
        (QAT_ROW, QAT_ROW.replace("23.66", "0.54")),
    ),
    "a question inside an answer": right(
        "english",
        (
            "- What challenges did you face?\n\n  `Fusion",
            "- What challenges did you face? Many.\n\n  Why? `Fusion",
        ),
    ),
    "a template with a table for answer": right(
        "english",
        (
            "| Model | Size (MB) | Acc",
            "- **Size:** Compare the files.\n- **Accuracy:** Report top-1 accuracy.\n\n| Model | Size (MB) | Acc",
        ),
    ),
    "an optional part left out": right(
        "english",
        ("| Loss function |", "- **Ablation (optional):** Compare settings.\n\n| Loss function |"),
    ),
    "comments of the template": right(
        "english", ("## 6.", "<!-- TODO: your answer here -->\n\n## 6.")
    ),
    "QAT that does not beat PTQ": right(
        "english",
        (QAT_ROW, QAT_ROW.replace("93.41 | 0.55", "92.50 | 1.46")),
        (
            "Yes. QAT (93.41%) outperforms PTQ (92.99%), but it does not outperform the FP32 baseline.",
            "No. QAT (92.50%) did not outperform PTQ (92.99%).",
        ),
        ("and QAT recovers 0.42 points of it", "QAT loses 1.46 points"),
    ),
    "a zero drop": right(
        "english",
        (PTQ_ROW, PTQ_ROW.replace("92.99 | 0.97", "93.96 | 0")),
        ("PTQ (92.99%)", "PTQ (93.96%)"),
        ("QAT (93.41%) outperforms", "No, QAT (93.41%) is worse than"),
        (
            "PTQ\n  loses less than 1% of accuracy, and QAT recovers 0.42 points of it.",
            "PTQ loses nothing.",
        ),
    ),
}

WRONG = {
    "a section is missing": wrong(
        "english",
        "## 6. Discussion and Conclusion (10%)\n",
        "",
        ("section-missing", "told us to fuse"),
    ),
    "sections in another order": Case(
        "html",
        (
            ("## 3. Hyperparameters\nSGD, cosine.\n", ""),
            ("## 5. Comparison", "## 3. Hyperparameters\nSGD, cosine.\n## 5. Comparison"),
        ),
        (("section-order", "## 3."),),
    ),
    "a question without answer": wrong(
        "english",
        "  `Fusion only for eval!` told us to fuse in eval mode.\n",
        "",
        ("prompt-unanswered", "What challenges"),
    ),
    "a request without answer": wrong(
        "english",
        "3. Without the clamp a tiny scale would need a shift of 33 bits.",
        "3. **Overflow:** Discuss whether overflow can occur.",
        ("prompt-unanswered", "Overflow"),
    ),
    "a question in Chinese without answer": wrong(
        "chinese",
        "    沒有明顯的過擬合，驗證準確率最後停在 94% 左右，與訓練準確率的差距約 3%。\n",
        "",
        ("prompt-unanswered", "是否有過擬合"),
    ),
    "an empty answer": wrong(
        "english",
        "  `Fusion only for eval!` told us to fuse in eval mode.",
        "  **Answer:**",
        ("prompt-unanswered", "What challenges"),
    ),
    "the template's answer": wrong(
        "english",
        "  `Fusion only for eval!` told us to fuse in eval mode.",
        "  > **Answer:** _your answer_",
        ("placeholder", "your answer"),
    ),
    "a placeholder in Chinese": wrong(
        "chinese",
        "在 forward 的最前面放 QuantStub，最後面放 DeQuantStub。",
        "_（請作答）_\n",
        ("placeholder", "請作答"),
    ),
    "TODO": wrong(
        "english",
        "`Fusion only for eval!` told",
        "TODO: `Fusion only for eval!` told",
        ("placeholder", "TODO"),
    ),
    "xx.xx in a table": wrong(
        "english", "| 93.41 | 0.55 |", "| xx.xx | 0.55 |", ("placeholder", "xx.xx")
    ),
    "an image that is not there": wrong(
        "english", "(curves.png)", "(images/curve.png)", ("image-missing", "images/curve.png")
    ),
    "an image on the student's computer": wrong(
        "english", "(curves.png)", "(C:\\Users\\ada\\curves.png)", ("image-missing", "C:")
    ),
    "an empty image": Case("english", (), (("image-broken", "curves.png"),), {"curves.png": b""}),
    "a page saved as image": Case(
        "english", (), (("image-broken", "curves.png"),), {"curves.png": b"<!DOCTYPE html><p>"}
    ),
    "no plot at all": wrong(
        "english", "![Loss and accuracy](curves.png)\n", "", ("curves-missing", "## 2.")
    ),
    "an empty accuracy": wrong(
        "english", "| 93.41 | 0.55 |", "| | 0.55 |", ("cell-empty", "| QAT")
    ),
    "N/A for a drop": wrong(
        "english", "| 93.41 | 0.55 |", "| 93.41 | N/A |", ("cell-empty", "| QAT")
    ),
    "an empty value": wrong(
        "fractions", "| Epochs | 60 |", "| Epochs | |", ("cell-empty", "Epochs")
    ),
    "an empty row of settings": wrong(
        "english",
        "| cross entropy | SGD | 5e-4 / 0.9 | 10 | 88.94% |",
        "| | | | | |",
        ("cell-empty", "| | | | | |"),
    ),
    "fractions in a percent column": wrong(
        "english", PTQ_ROW, PTQ_ROW.replace("92.99", "0.9299"), ("accuracy-unit", "| PTQ")
    ),
    "a drop that is a fraction": wrong(
        "english", "| 92.99 | 0.97 |", "| 92.99 | 0.0097 |", ("drop-unit", "| PTQ")
    ),
    "a rounded fraction": wrong(
        "english", "| 92.99 | 0.97 |", "| 92.99 | 0.01 |", ("drop-unit", "| PTQ")
    ),
    "a tiny fraction": wrong(
        "chinese", "| 94.02 | -0.06 |", "| 94.02 | -0.0006 |", ("drop-unit", "| QAT")
    ),
    "a relative drop": wrong(
        "english", "| 92.99 | 0.97 |", "| 92.99 | 1.03 |", ("drop-relative", "| PTQ")
    ),
    "a drop with the wrong sign": wrong(
        "english", "| 92.99 | 0.97 |", "| 92.99 | -0.97 |", ("drop-sign", "| PTQ")
    ),
    "a gain with a plus": wrong(
        "chinese", "| 94.02 | -0.06 |", "| 94.02 | +0.06 |", ("drop-sign", "| QAT")
    ),
    "a sum that is off": wrong(
        "english", "| 92.99 | 0.97 |", "| 92.99 | 1.97 |", ("drop-arithmetic", "| PTQ")
    ),
    "a transposed sum that is off": wrong(
        "simplified", "0.55%", "0.65%", ("drop-arithmetic", "准确率下降")
    ),
    "HTML with a sum that is off": wrong("html", "0,97", "0,79", ("drop-arithmetic", "PTQ")),
    "MiB of FP32": wrong("english", "| FP32 | 94.40 |", "| FP32 | 90.03 |", ("size-mib", "| FP32")),
    "MiB of PTQ": wrong(
        "english", PTQ_ROW, PTQ_ROW.replace("23.66", "22.56"), ("size-mib", "| PTQ")
    ),
    "the default qconfig unsaid": wrong(
        "english", QAT_ROW, QAT_ROW.replace("23.66", "24.12"), ("size-scheme", "| QAT")
    ),
    "not fused": wrong(
        "english", PTQ_ROW, PTQ_ROW.replace("23.66", "24.08"), ("size-scheme", "| PTQ")
    ),
    "neither fused nor per tensor": wrong(
        "chinese", "| PTQ | 23.66 |", "| PTQ | 24.53 |", ("size-scheme", "| PTQ")
    ),
    "not converted": Case(
        "english",
        (
            (QAT_ROW, QAT_ROW.replace("23.66", "94.09")),
            ("Both INT8 files are", "The INT8 file of PTQ is"),
        ),
        (("size-scheme", "| QAT"),),
    ),
    "a compression that is off": wrong(
        "simplified", "3.99x | 3.99x", "3.99x | 4.99x", ("compression", "压缩比")
    ),
    "a compression in words that is off": wrong(
        "english", "about 4x smaller", "about 8x smaller", ("compression", "8x")
    ),
    "a compression in Chinese that is off": wrong(
        "chinese", "壓縮了約 4 倍", "壓縮了約 8 倍", ("compression", "8 倍")
    ),
    "a speed-up that is off": wrong(
        "english", PTQ_ROW, PTQ_ROW.replace("2.50x", "3.50x"), ("speed-up", "| PTQ")
    ),
    "a speed-up in words that is off": wrong(
        "english",
        "Both INT8 files",
        "PTQ runs 5x faster than FP32. Both INT8 files",
        ("speed-up", "5x faster"),
    ),
    "a drop in the text that is off": wrong(
        "chinese",
        "PTQ 的準確率僅下降了 0.97 個百分點",
        "PTQ 的準確率僅下降了 3%",
        ("claim-drop", "3%"),
    ),
    "a bound that does not hold": wrong(
        "english",
        "loses less than 1% of accuracy",
        "loses less than 0.5% of accuracy",
        ("claim-drop", "loses less"),
    ),
    "an accuracy in the text that is off": wrong(
        "english",
        "outperforms PTQ (92.99%)",
        "outperforms PTQ (92.79%)",
        ("claim-accuracy", "92.79"),
    ),
    "a size in the text that is off": wrong(
        "english",
        "Both INT8 files",
        "The PTQ file has 25.66 MB. Both INT8 files",
        ("claim-size", "25.66"),
    ),
    "a size in the text in MiB": wrong(
        "english",
        "Both INT8 files",
        "The PTQ file has 22.56 MB. Both INT8 files",
        ("size-mib", "22.56"),
    ),
    "QAT said to beat FP32": wrong(
        "english",
        "but it does not outperform the FP32 baseline",
        "and even outperforms the FP32 baseline",
        ("claim-order", "even outperforms"),
    ),
    "PTQ said to be better in Chinese": wrong(
        "chinese",
        "QAT (94.02%) 的準確率優於 PTQ (92.99%)",
        "QAT 的準確率低於 PTQ",
        ("claim-order", "低於 PTQ"),
    ),
    "better in simplified Chinese": wrong(
        "simplified", "但没有超过 FP32", "而且超过 FP32", ("claim-order", "超过 FP32")
    ),
    "the most accurate": wrong(
        "english",
        "Both INT8 files",
        "PTQ has the highest accuracy of the INT8 networks. Both INT8 files",
        ("claim-order", "highest accuracy"),
    ),
    "another best accuracy": Case(
        "english",
        (
            ("Validation accuracy |", "Test accuracy |"),
            ("| 94.12% |", "| 93.50% |"),
            ("**94.58%**", "**93.69%**"),
        ),
        (("best-accuracy", "| FP32"),),
    ),
    "the validation accuracy again": Case(
        "english",
        (("levels off at 94.58 %", "levels off at 93.96 %"),),
        (("validation-repeated", "| FP32"),),
    ),
    "the validation set as test set": wrong(
        "english",
        "Both INT8 files",
        "Test accuracy was measured on the validation set. Both INT8 files",
        ("validation-as-test", "measured on"),
    ),
    "a zero point of quint8": wrong(
        "english",
        "zero point 128 for quint8",
        "zero point 127 for quint8",
        ("zero-point", "127 for quint8"),
    ),
    "a zero point in Chinese": wrong(
        "simplified", "quint8 是 128", "quint8 是 0", ("zero-point", "quint8 是 0")
    ),
    "asymmetric": wrong(
        "english",
        "In general s = (max - min) / 255; our observer is\n   symmetric and takes 2*max(|min|, |max|)/255",
        "Our observer computes s = (max - min) / 255,",
        ("scale-formula", "Our observer computes"),
    ),
    "2**S": wrong(
        "english", "returns 2**-S with", "returns a scale of 2**S with", ("scale-formula", "2**S")
    ),
    "half of the scale": wrong(
        "english",
        "symmetric and takes 2*max(|min|, |max|)/255",
        "symmetric and takes max(|min|, |max|)/255",
        ("scale-formula", "max(|min|, |max|)/255"),
    ),
    "a tiny scale that makes zeros": wrong(
        "english",
        "Without the clamp a tiny scale would need a shift of 33 bits.",
        "Without the clamp a tiny scale would underflow: all values become 0 after quantization.",
        ("scale-tiny", "Without the clamp"),
    ),
    "another clamp": wrong(
        "english", "clamped to [0, 8]", "clamped to [0, 7]", ("shift-range", "[0, 7]")
    ),
    "another clamp in Chinese": wrong(
        "simplified", "限制在 0 到 8 之间", "限制在 1 到 8 之间", ("shift-range", "1 到 8")
    ),
    "floor": wrong(
        "english", "S = round(-log2(scale))", "S = floor(-log2(scale))", ("shift-rounding", "floor")
    ),
    "floor in code": wrong(
        "fractions",
        "math.floor(-math.log2(scale) + 0.5)",
        "math.floor(-math.log2(scale))",
        ("shift-rounding", "math.floor"),
    ),
    "a left shift": wrong(
        "english",
        "so that a\n   right shift replaces the multiplication",
        "so that a\n   left shift replaces the multiplication",
        ("shift-direction", "left shift"),
    ),
    "prose with a sum that is off": wrong(
        "prose", "drop of 0.97 points", "drop of 0.79 points", ("claim-drop", "0.79")
    ),
}
