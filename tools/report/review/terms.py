"""The words for scale, zero point and shift, right and wrong."""

import re

from tools.report.review.words import any_of

DTYPE = "(?P<dtype>quint8|qint8|activations?|weights?|激活|啟動值|權重)"
IS = r"(?:\s|is|are|=|:|為|是|設|定|固|成|of|at|fixed|set|to|be|the|value|都|的|always|,|\(|\))"
ZERO = r"(?:zero[-_ ]?points?|零點)"
ZERO_POINTS = (
    any_of(rf"\b{DTYPE}[^.。;0-9]{{0,25}}?{ZERO}{IS}{{0,12}}?(?P<value>-?\d+)(?![\d.])"),
    any_of(
        rf"{ZERO}\s*(?:of|for|in|\(|的)\s*(?:the\s*)?{DTYPE}{IS}{{1,12}}?(?P<value>-?\d+)(?![\d.])"
    ),
    any_of(rf"{ZERO}{IS}{{1,12}}?(?P<value>-?\d+)\s*(?:for|\(|用於|給|in)\s*(?:the\s*)?{DTYPE}"),
    any_of(
        rf"{ZERO}[^.。;]{{0,40}}?{DTYPE}\s*(?:is|are|=|:|為|是|設為|用|uses?)\s*"
        r"(?P<value>-?\d+)(?![\d.])"
    ),
)
ASYMMETRIC = any_of(

    r"max[^-+*/=,;。]{0,12}-\s*\\?(?:x_?)?\{?(?:\\?min|x_\{?min)[^/;。]{0,14}/\s*\(?(?:2\^8\s*-\s*1|255|q)",
    r"frac\{.{0,30}?max.{0,12}?-.{0,12}?min.{0,6}\}\s*\{?\s*(?:255|2\^|q)",
    r"\(max\s*-\s*min\)\s*/\s*255",
)  # fmt: skip
OUR_OBSERVER = any_of(
    "CusQuantObserver", "our observer", "the lab", "calculate_qparams", r"\bour\b", "我們",
    "本次",
)  # fmt: skip
LOG_SCALE = any_of(r"log_?\{?2")
SHIFT = any_of("shift", r"\bS\b", "位移", "移位", "2[*^]")
POSITIVE_POWER = any_of(

    r"(?:scale|\bs)\b[^.。;,]{0,40}?"
    r"(?:=|≈|is|as|為|是|成|to|by|of|into|return\w*|回傳|返回)\s*(?:\w+ ){0,4}"
    r"(?P<power>2\s?(?:\*\*|\^)\s?[({]?\s?\+?S\b)",
    flags=re.NOFLAG,
)  # fmt: skip
LOW, HIGH = r"(?P<low>-?\d+)", r"(?P<high>-?\d+|max_shift_amount)"
RANGES = (
    any_of(rf"(?:\[|\bfrom )\s*{LOW}\s*(?:,|to|-|~|到|至)\s*{HIGH}\b(?!\s*=)"),
    any_of(rf"(?:between|介於|在)\s*{LOW}\s*(?:and|to|~|-|到|至|和|與)\s*{HIGH}"),
    any_of(rf"clamp(?:ed)? (?:S |it |the shift )?(?:to|into) {LOW}\s*(?:\.\.|to|-|~)\s*{HIGH}"),
    any_of(rf"{LOW}\s*(?:<=|≤)\s*S\s*(?:<=|≤)\s*{HIGH}"),
)
FLOOR = any_of(
    r"\bfloor", r"\bceil", r"\btruncat", r"round(?:ed|ing)? (?:it )?(?:down|up)\b",
    "無條件(?:捨去|進位)", "向[上下]取整", "捨去小數", "直接取整", r"\\lceil[^\n]{0,40}\\rceil",
    r"\\lfloor[^\n]{0,40}\\rfloor",
)  # fmt: skip
LEFT_SHIFT = any_of(
    r"left[- ](?:bit[- ]?)?shift", r"shift\w* (?:it |\w+ )?(?:to the )?left", "左移", "向左位?移",
    r"\bx\s*<<\s*S",
)  # fmt: skip
RIGHT_SHIFT = any_of(r"\bright\b", "右移", "向右", ">>")
CONTRAST = any_of(
    r"\bnot\b", "n't\\b", "instead of", "rather than", r"\bwould\b", r"\bunlike\b", r"\bcompared",
    r"\bif\b", r"\binverse\b", "而不是", "而非", "不是", "如果", "若", "相反", "不能", "不用",
    "反之", "避免", r"\bavoid", r"2\^\{?S\}? ", r"\bwrong",
)  # fmt: skip
SUPPOSED = any_of(
    r"\bat first\b", r"\binitially\b", r"\bmistake", r"\bbug\b", r"\bfor example\b", r"\be\.g\.",
    r"\bsuppose\b", r"\bwould\b", "一開始", "原本", "錯誤", "例如", "比如", "假設", "起初",
    "最初", "如果", r"\bif\b", "後來",
)  # fmt: skip
