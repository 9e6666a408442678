"""Reports in words of each student's own, between what all reports have in common."""

import random
import tomllib

from tests.conftest import ROOT

SUBJECTS = (
    "the baseline|our network|the quantized model|the observer|a power-of-two scale|the shortcut|"
    "the residual addition|the first convolution|calibration|fine-tuning|the learning rate|"
    "label smoothing|the validation curve|batch normalisation|the classifier|per-tensor scaling"
).split("|")
VERBS = (
    "costs|improves|hides|explains|limits|dominates|hardly changes|delays|balances|reveals|"
    "contradicts|supports|needs|outweighs|predicts|follows"
).split("|")
OBJECTS = (
    "most of the error|the accuracy of rare classes|what hardware can do|the range of activations|"
    "the gap between training and validation|the rounding of small weights|the last two epochs|"
    "the size of the file|the noise in early layers|a clipped tail|every second image|"
    "what we had expected|the time that an epoch takes|the drop after conversion"
).split("|")
ENDS = (
    "in our runs|on the digits|as the table shows|with this seed|at every width|before fusion|"
    "after conversion|for two of three classes|although we tried again|in the worst case|"
    "by less than a point|more than the handout suggests|when images are dark"
).split("|")
CHINESE = (
    "量化|網路|模型|準確率|損失|學習率|校準|權重|尺度|位移|殘差|卷積|訓練|驗證|誤差|分佈|範圍|截斷|"
    "批次|影像|硬體|乘法|近似|最大值|整數|浮點|曲線|收斂|過擬合|比較|結果|觀察|實驗|設定|參數|下降"
).split("|")
JOINTS = "因此|而且|但是|所以|可能|明顯|我們認為|由此可見|相對於|經過|隨著|為了".split("|")


def paragraphs(name: str, count: int = 4, is_chinese: bool = False) -> list[str]:
    """Return paragraphs that nobody else writes; the same name gives the same ones."""
    chance = random.Random(f"report of {name}")
    make = chinese if is_chinese else english
    return [make(chance) for _ in range(count)]


def english(chance: random.Random) -> str:
    parts = [
        " ".join(chance.choice(words) for words in (SUBJECTS, VERBS, OBJECTS, ENDS))
        for _ in range(6)
    ]
    return ". ".join(part[0].upper() + part[1:] for part in parts) + "."


def chinese(chance: random.Random) -> str:
    sentences = [
        chance.choice(JOINTS) + "".join(chance.choice(CHINESE) for _ in range(7)) for _ in range(8)
    ]
    return "，".join(sentences) + "。"


def report(own: list[str], is_chinese: bool = False) -> bytes:
    """Return a report.md: title, a quotation of the handout, prompts of the template, own words."""
    language = "zh-TW" if is_chinese else "en"
    words = tomllib.loads((ROOT / "report_template" / f"{language}.toml").read_text())
    prompts = list(words["prompts"].items())
    parts = [f"# {words['headings']['title']}", handout()]
    for (name, prompt), text in zip(prompts, own, strict=False):
        parts += [f"<!-- lab3: ask-{name} -->\n{prompt}\n<!-- /lab3 -->", prompt, text]
    return "\n\n".join(parts).encode()


def handout() -> str:
    """Return the longest paragraph of the handout, as students quote it."""
    text = (ROOT / "assignment" / "README.md").read_text()
    return max((part for part in text.split("\n\n") if "|" not in part), key=len)
