"""The words for scale, zero point and shift, right and wrong."""

import re

from tools.review.reading.words import any_of

DTYPE = "(?P<dtype>quint8|qint8|activations?|weights?|激活|啟動值|權重)"
IS = (
    r"(?:\s|is|are|equals?|=|:|為|是|設|定|固|成|of|at|fixed|set|to|be|the|value|都|的"
    r"|always|,|\(|\))"
)
ZERO = r"(?:zero[-_ ]?points?|零點)"
ZERO_POINTS = (
    any_of(rf"\b{DTYPE}[^.。;0-9]{{0,25}}?{ZERO}{IS}{{0,12}}?(?P<value>-?\d+)(?!\.?\d)"),
    any_of(
        rf"{ZERO}\s*(?:of|for|in|\(|的)\s*(?:the\s*)?{DTYPE}{IS}{{1,12}}?(?P<value>-?\d+)(?!\.?\d)"
    ),
    any_of(rf"{ZERO}{IS}{{1,12}}?(?P<value>-?\d+)\s*(?:for|\(|用於|給|in)\s*(?:the\s*)?{DTYPE}"),
    any_of(
        rf"{ZERO}[^.。;]{{0,40}}?{DTYPE}\s*(?:is|are|=|:|為|是|設為|用|uses?)\s*"
        r"(?P<value>-?\d+)(?!\.?\d)"
    ),
)
AFFINE = any_of("affine", "asymmetric", "非對稱", "不對稱", "仿射")
ASYMMETRIC = any_of(
    r"max[^-+*/=,;。]{0,12}-\s*\\?(?:x_?)?\{?(?:\\?min|x_\{?min)[^/;。]{0,14}/\s*\(?(?:2\^8\s*-\s*1|255|q)"
    r"|frac\{.{0,30}?max.{0,12}?-.{0,12}?min.{0,6}\}\s*\{?\s*(?:255|2\^|q)"
    r"|\(max\s*-\s*min\)\s*/\s*255"
)
MAGNITUDE = r"(?:max\s*\(?\s*(?:\||abs|\\l?vert)[^\n/]{1,60}?[|)}t]|\babs_?max|\bmax_?abs|\bamax)"
HALF_SCALE = any_of(  # without the factor 2
    rf"frac\{{\s*\\?{MAGNITUDE}\s*\}}\s*\{{\s*255\s*\}}",
    rf"\\?{MAGNITUDE}\s*/\s*\(?\s*255(?!\.?\d)(?!\s*(?:/|[*×]?\s*2\b))",
)
DOUBLED = re.compile(r"2\.?0?\s*(?:[*×·⋅]\s*)?(?:\\?[dt]?frac\{\s*|\\?[dt]?|\(\s*|\w+\.)$")
TINY_SCALE = any_of(  # with no clamp, so that a value divided by it is huge
    r"scale\b[^.。;]{0,40}?\b(?:small|tiny)\b|\b(?:small|tiny) (?:\w+ )?scale"
    r"|\bS\b[^.。;,]{0,25}?\b(?:too|very) (?:large|big|high)\b"
    r"|2\s?(?:\*\*|\^)\s?[({]?-\s?(?:[2-9]\d)|S\s*(?:變得)?(?:過|太|很|非常)大"
    r"|scale[^。;]{0,20}?(?:極|太|過|很|非常)小|(?:極|太|過|很|非常)小的\s*(?:數字|scale)"
)
ZERO_NOW = r"(?:變成|變為|成為|歸|都是|量化[成為到]|等於)了?\s*(?:0|零)"
ALL_ZERO = any_of(
    r"\b(?:all|every\w*|values|data|activations|weights|inputs)\b[^.。;]{0,40}?"
    r"\b(?:becom(?:e|ing)|turn(?:s|ing)? (?:in)?to|(?:are|is|being|gets?) (?:quantized|rounded) to"
    r"|round to|collaps\w+ to|(?:are|is) all|will be)\s*(?:all )?(?:0|zeros?)\b",
    rf"(?:所有|全部|資料|數據|數值|權重|激活值?|輸入)[^。;]{{0,20}}?{ZERO_NOW}",
)
NO_ZERO = any_of(  # of a shift, of a large scale, or denied
    r"\b(?:shift|clip|saturat|round off)|>>|移|飽和|夾|\bdenormal"
    r"|(?<!without )(?<!without the )(?<!no )\bclamp|\b(?:large|big) (?:\w+ )?scale"
    r"|scale\b[^.。;]{0,20}?\b(?:large|big)\b|scale\s*(?:過|太|很)大|\bnot\b|n't\b"
    "|(?<!不)(?<!不設)(?<!沒有)限制[^。]{0,8}[後時成為]|不會|並非|而不是"
)
OUR_OBSERVER = any_of(r"CusQuantObserver|our observer|the lab|calculate_qparams|\bour\b|我們|本次")
LOG_SCALE = any_of(r"log_?\{?2")
SHIFT = any_of("shift", r"\bS\b", "位移", "移位", "2[*^]")
POSITIVE_POWER = any_of(
    r"(?:scale|\bs)\b[^.。;,]{0,40}?"
    r"(?:=|≈|is|as|為|是|成|to|by|of|into|return\w*|回傳|返回)\s*(?:\w+ ){0,4}"
    r"(?P<power>2\s?(?:\*\*|\^)\s?[({]?\s?\+?S\b)",
    flags=re.NOFLAG,
)
LOW, HIGH = r"(?P<low>-?\d+)", r"(?P<high>-?\d+|max_shift_amount)"
INVERSE = any_of(
    r"(?:/\s*|divid\w* by (?:the |this )?)scale\b[^.。;]*$",
    r"\b(?:inverse|reciprocal)\b",
    "倒數",
    r"除以\s*scale\b[^.。;]*$",
)
RANGES = (
    any_of(rf"(?:\[|\bfrom )\s*{LOW}\s*(?:,|to|-|~|到|至)\s*{HIGH}\b(?!\s*=)"),
    any_of(rf"(?:between|介於|在)\s*{LOW}\s*(?:and|to|~|-|到|至|和|與)\s*{HIGH}"),
    any_of(
        rf"(?:clamp|limit|restrict)(?:ed)? (?:S |it |the shift )?(?:to|into|within) {LOW}"
        rf"\s*(?:\.{{2,3}}|to|-|~|…)\s*{HIGH}"
    ),
    any_of(rf"{LOW}\s*(?:<=|≤)\s*S\s*(?:<=|≤)\s*{HIGH}"),
)
LIMITED = any_of(  # by the function, not seen in a network
    r"clamp|limit|restrict|bound|clip|constrain|\bcap|\bmust\b|allow|≤|<=|限|夾|截|範圍|約束"
)
FLOOR = any_of(
    r"\bfloor|\bceil|\btruncat|round(?:ed|ing|s)? (?:it |S )?(?:down|up)\b(?! or)"
    r"|無條件(?:捨去|進位)|向[上下]取整|捨去小數|直接取整|\\lceil[^\n]{0,40}\\rceil"
    r"|\\lfloor[^\n]{0,40}\\rfloor"
)
LEFT_SHIFT = any_of(
    r"left[- ](?:bit[- ]?)?shift|shift\w* (?:it |\w+ )?(?:to the )?left|左移|向左位?移|\bx\s*<<\s*S"
)
RIGHT_SHIFT = any_of(r"\bright\b", "右移", "向右", ">>")
CONTRAST = any_of(
    r"\bnot\b|n't\b|instead of|rather than|\bwould\b|\bunlike\b|\bcompared|\bif\b|\binverse\b"
    r"|而不是|而非|不是|如果|若|相反|不能|不用|反之|避免|\bavoid|2\^\{?S\}? |\bwrong|\bnever\b"
    r"|\bdivid|除以|\bno\b|沒有|不需|不會|\bnegative\b|負[的數]"
)
SUPPOSED = any_of(
    r"\bat first\b|\binitially\b|\bmistake|\bbug\b|\bfor example\b|\be\.g\.|\bsuppose\b|\bwould\b"
    r"|一開始|原本|錯誤|例如|比如|假設|起初|最初|如果|\bif\b|後來"
)
