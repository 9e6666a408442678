"""The words that reports use, in English and in Chinese: which text speaks of what.

Chinese is written here in traditional characters; patterns match simplified ones too. All match
text that ``quantities.narrow`` has seen, so there is no full-width punctuation.
"""

import re
from typing import Literal

TRADITIONAL = (
    "構網絡結訓練與證參數調設對較討論壓縮損變異體積時間優學習單個預認經沒無請說寫補會這應該類讓從為達約圖輪週強輸"
    "驗準確後點誤過劃還總則麼嗎僅於將層權啟們標儲檔實際釋簡項遞減幾來測試項內慮衰動導屬單並線優勝幅較倍適樣"
)
SIMPLIFIED = (
    "构网络结训练与证参数调设对较讨论压缩损变异体积时间优学习单个预认经没无请说写补会这应该类让从为达约图轮周强输"
    "验准确后点误过划还总则么吗仅于将层权启们标储档实际释简项递减几来测试项内虑衰动导属单并线优胜幅较倍适样"
)
TWINS = {t: s for t, s in zip(TRADITIONAL, SIMPLIFIED, strict=True) if t != s}
IN_SET = str.maketrans({t: t + s for t, s in TWINS.items()})
ALONE = str.maketrans({t: f"[{t}{s}]" for t, s in TWINS.items()})
SET = re.compile(r"(\[[^\]]*\])")

Model = Literal["fp32", "ptq", "qat", "int8"]
Metric = Literal["size", "accuracy", "drop", "latency", "speed-up", "compression"]


def any_of(*alternatives: str, flags: re.RegexFlag = re.I) -> re.Pattern[str]:
    """Return a pattern of all alternatives, for both ways to write Chinese."""
    parts = SET.split("|".join(alternatives))
    return re.compile(
        "".join(part.translate(IN_SET if part[:1] == "[" else ALONE) for part in parts), flags
    )


ACCURACY = (r"\bacc\b", "accura", "準確", "精度", "正確率", r"\btop-?1", r"\bacc\.", "_acc")

ACCURACY_WORD = any_of(*ACCURACY)

SECTIONS = (  # what each of the six is called, and the words that its heading has
    ("Model Architecture", any_of("architect", "架構", "模型結構", "網絡結構", "網路結構")),
    (
        "Training and Validation Curves",
        any_of("curve", "曲線", "training and validation", "訓練.{0,2}驗證"),
    ),
    (
        "Accuracy Tuning and Hyperparameter Selection",
        any_of(r"hyper-?\s?param", r"\btuning", "超參數", "準確[率度]調", "調參"),
    ),
    (
        "Custom QConfig Implementation",
        any_of(r"q-?config", r"custom\w* quant", "自[訂定].{0,4}量化", "量化設定", "量化配置"),
    ),
    ("Comparison of Quantization Schemes", any_of("compar", "比較", "對比")),
    ("Discussion and Conclusion", any_of("discuss", "conclu", "討論", "結論", "心得")),
)

MODELS: dict[Model, re.Pattern[str]] = {
    "ptq": any_of("(?<![A-Z])PTQ|post[- ]training (?:static )?quant|訓練後量化|後訓練量化"),
    "qat": any_of("(?<![A-Z])QAT", r"quanti[sz]ation[- ]aware", "量化感知", "感知量化"),
    "fp32": any_of(
        "(?<![A-Z])FP-?32|float-?32|full[- ]precision|baseline|original model"
        "|floating[- ]point (?:model|network|baseline)|基準[線模]|浮點模型|原始模型|原始基準"
        "|全精度"
    ),
    "int8": any_of(r"(?<![A-Z])INT-?8"),
}
FP32_LABEL = any_of(r"^\W*(?:float|original|unquanti[sz]ed)\b", r"^\W*(?:原始|基準|浮點|未量化)")

METRICS: tuple[tuple[Metric | None, re.Pattern[str]], ...] = (
    (
        None,
        any_of(
            r"top-?5|batch|train\w* time|訓練時間|image size|\bparam|參數|f1|recall|images?/s|fps"
            r"|throughput|per epoch|\bbits?\b|位元|位寬"
        ),
    ),
    ("compression", any_of("compress", "壓縮", "size reduc", "smaller", "reduction")),
    ("speed-up", any_of(r"speed-?\s?up", "加速", "faster")),
    (
        "drop",
        any_of(
            r"drop|degrad|下降|[掉降]幅|acc\w*\.? (?:loss|change|diff|gap)|精度損失"
            r"|準確[率度](?:損失|變化|差)|精度(?:變化|差)|[\u0394\u2206]|\bdelta\b|\bchange\b|變化|差異"
            r"|差距|差值|vs\.? (?:fp32|baseline)|loss of acc"
        ),
    ),
    (
        "latency",
        any_of(r"latency|inference (?:time|speed)|延遲|推[論理]時間|推[論理]速|\(ms\)|\btime\b"),
    ),
    ("size", any_of("size", "大小", "容量", "體積", r"\bMi?B\b")),
    ("accuracy", ACCURACY_WORD),
)
SIGNED_CHANGE = any_of(
    "change", "diff", "delta", "[\u0394\u2206]", "gain", "變化", "差", r"vs\.?\s"
)
RELATIVE = any_of("relative", "相對")
PERCENT = any_of("%", "percent", "百分比", r"\bpp\b", "points?")
BEFORE = any_of("before", "量化前", "原始")
HYPERPARAMETER = any_of(
    r"epoch|optimi[sz]er|schedul|loss func|weight.?decay|momentum|learning.?rate|\blr\b|batch"
    "|augment|smoothing|優化器|學習率|週期|損失函數|增強|輪數|批次|權重衰減|動量"
)
HYPERPARAMETERS = {  # as run logs call them
    "epochs": any_of(r"\bepochs?\b", "輪數", "訓練週期"),
    "batch_size": any_of(r"batch[ _-]?size", "批次大小"),
    "learning_rate": any_of(r"(?:initial )?learning[ _-]?rate", r"\blr\b", "學習率"),
    "momentum": any_of("momentum", "動量"),
    "weight_decay": any_of(r"weight[ _-]?decay", "權重衰減"),
    "label_smoothing": any_of(r"label[ _-]?smoothing", "標籤平滑"),
}
QUALIFIERS = (
    ("test", any_of("test", "測試", "测试")),
    ("validation", any_of(r"\bval", "驗證")),
    ("train", any_of(r"\btrain", "訓練")),
)
BLANK = any_of(r"[-\u2014\u2015/\s_.]*|n/?a|none|null|無|\?+|baseline|ref\.?|reference|基準")

QUESTION = re.compile(r"\?\s*\)?\s*$")
REQUEST = any_of(
    r"^\W*(?:[^:]{0,60}:\s*)?(?:please\s+)?(?:explain|describe|discuss|provide|report|compare"
    r"|quantify|list|show|detail|summari[sz]e|state|justify|fill|write|give|analy[sz]e|請|說明|描述"
    r"|討論|比較|列出|解釋|簡述|分析)"
)
INTERROGATIVE = any_of(
    r"^\W*(?:[^:]{0,60}:\s*)?(?:did|do|does|is|are|was|were|what|which|how|why|when|any|can|could"
    r"|should|would|have|has)\b",
    "[嗎呢][^?]{0,5}\\?",
    "(?:為什麼|什麼|為何|如何|何|哪些|是否|多少|有沒有)[^?]{0,40}\\?",
)
BEHIND_A_QUESTION = any_of(  # a request that follows a question in bold
    r"^(?:argue|say|explain|weigh|describe|discuss|compare|justify|give|show|state|support|list"
    r"|tell|mention|refer|name|back|quote)\b",
    "^(?:請|逐項|用自己的話|說明|解釋)",
)
OWN_VOICE = any_of(r"\d\.\d", r"\bwe\b", r"\bour\b", r"\bI\b", r"\bmy\b", "我", "本次", "本實驗")
OPTIONAL = any_of("optional", "bonus", "選[做填作答]", "加分")
ANSWER_LABEL = any_of(r"^\W*(?:your answer|answer|ans|a|答|回答|答案|你的回答)\s*:\s*\W*$")
BLANKS_TO_FILL = (  # a whole answer or cell
    r"(?:write |put |type |enter )?your (?:answer|text|response|name|result)s?(?: goes)?"
    r"|answer here|insert .{1,40}|fill (?:this |me )?in"
    r"|to be (?:filled|completed|done|added|written)(?: in| later)?|coming soon|x{2,}(?:\.x+)?"
    r"|to ?do|tbd|tba|fixme|n/a|none yet|not yet|\.{2,}|\u2026+|\?{2,}|_{3,}|\u25cb{2,}"
    "|請(?:在此)?(?:作答|填寫|填入|回答|補上|輸入)|待補[充上]?|待填[寫入]?"
    "|尚?未(?:完成|填寫|作答)|在此(?:作答|填寫|輸入)"
)
ONLY_PLACEHOLDER = any_of(
    rf"^[\W_]*(?:(?:answer|答|回答|答案)[\W_]+)?(?:{BLANKS_TO_FILL})(?:\s*here)?[\W_]*$"
    r"|^\W*\.{3,}\W*$|^\W*\u2026\W*$|^\W*lorem ipsum\b"
)
PLACEHOLDER = any_of(
    r"\b(?:TODO|TBD|FIXME|TBA)\b|(?<![A-Za-z0-9])[xX?]{2}\.[xX?]{1,2}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])XX+\s?(?:%|MB|ms)|[Yy]our answer here|[Ll]orem ipsum|\[[Ii]nsert\b"
    r"|待補[充上]?(?=[\s。,).]|$)|[(_]\s*請(?:在此)?(?:作答|填寫)",
    flags=re.NOFLAG,
)

PER_CHANNEL = any_of(
    r"per[- _]?channel|逐通道|每一?個?通道|default[ _](?:per|q?config)|預設\s*(?:的\s*)?q?config"
    r"|默認\s*(?:的\s*)?q?config|fbgemm|get_default"
)
NOT_FUSED = any_of(
    r"(?:\bnot|un|without|\bno|\bnon|before)[- ]?(?:layer |being )?fus\w+|未經?融合"
    "|沒有?(?:做|經過)?融合|不融合"
)
DENIED = any_of(
    r"\bnot\b|\bnever\b|n't\b|instead of|rather than|unlike|\bno\b|不使用|沒有|而不是|而非|不是"
    r"|不用|無法|\bwithout\b"
)
USED = any_of(r"\bwe use", r"\bused\b", r"\busing\b", "使用", "採用", "采用", "套用")
