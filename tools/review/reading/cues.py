"""The words that make a sentence a claim about results, or none."""

from tools.review.reading.words import any_of

# Sentences that claim nothing about the results.
HISTORY = any_of(
    r"\bat first\b|\binitial|\boriginally\b|\bearlier\b|\bpreviously\b|\bonce\b"
    r"|\bin the beginning\b|\bbefore (?:(?!quanti)\w+ing|that|we|i|fine)\b|\bbug"
    r"|\bfirst (?:try|attempt|run|version|we|i)\b|\bat the (?:start|beginning)\b|\buntil\b"
    r"|\bmistake|\bforgot|\bwrong|\bwould\b|\bif\b|\bused to\b|\bfirst,? (?:we|i|my|our|it|the)\b"
    r"|\b224\b|\bafter (?:only |just )?(?:the first |one |\d+ )epoch|\bat epoch\b"
    r"|\bonly (?:got|get|had|reached)\b|\bfor example\b|\be\.g\.|\bsuppose\b|\bwithout (?!quanti)"
    r"|\bpaper\b|\bliterature\b|\binstead of\b|\bclassmate|\bother (?:group|setting)|\bday\b"
    r"|\blater\b|\beventually\b|一開始|原本(?!的)|起初|最初|(?<!量化)之前|剛開始|開始時|後來|曾經"
    "|第一次|如果|假設|假如|若是?|例如|比如|論文|文獻|錯誤|忘記|忘了|沒有?加|沒有?用|早期|嘗試"
    r"|試過|當初|第\s*\d+\s*個?\s*epoch|bug|先前|同學|不加|改成|未加|\bsecond (?:try|attempt|run)\b"
    r"|\bpapers\b|\btutorial|\bpublished\b"
    r"|\b(?:other|some|another) (?:works?|groups?|teams?|people)\b|\bin the world\b"
    r"|\bstate[- ]of[- ]the[- ]art\b|\blab ?[0-24-9]\b|\btop-?5\b|[別他]組|官方"
    r"|\b(?:cat|dog|deer|frog|horse|ship|truck|bird|airplane|automobile)s?\b|\bet al\b"
    r"|\b(?:mnist|imagenet|coco|cifar-?100)\b|[貓狗]|青蛙|飛機|卡車|汽車"
)
AS_EXPECTED = "".join(f"(?<!as {who})" for who in ("", "we ", "i ", "was ", "we had ", "i had "))
NOT_CLAIMED = any_of(
    r"\busually\b|\bgenerally\b|\bin general\b|\btypically\b|\bin theory\b|theoretical|\bideal"
    rf"|{AS_EXPECTED}\bexpect"
    r"|\bshould\b|\bmight\b|\bmay\b|\bcould\b|\bhope|\bgoal\b|\brequire|\bthreshold|\boften\b"
    r"|\btarget\b|\bup to\b|\bassum|\bcan\b(?! be seen)|\bwill\b|\bnormally\b|\bnot true\b|通常"
    "|一般|理論|(?<![如合乎所])預期|應該|可能|希望|目標|要求|門檻|標準|往往|期望|最多可|原則上"
    "|可以讓"
)

LOSES = any_of(
    r"\bdrop|\blos[est]|\bloss\b|decreas|\breduc|degrad|\blower|\bfell\b|\bfalls?\b|\bdeclin"
    r"|\bworse|下降|損失|降低|掉了?|減少|退化|下滑|低於|低了"
)
GAINS = any_of(
    r"\bgain|\bimprov|\bincreas|\bhigher|\brecover|\babove\b|\bbetter|提升|上升|提高|增加|高於|高出"
    "|進步|恢復|补回|補回|高了"
)
SOME = (  # before a number
    r"(?:\s*\b(?:about|only|just|around|approximately|roughly|less than|more than|over|under|below"
    r"|within|nearly|almost|at most|at least|merely|a mere|up to))*"
)
LOST = "(?:縮小|下降|損失|降低|掉|減少|退化|下滑|提升|上升|提高|增加|高出|低)了?"
BY = any_of(
    rf"\b(?:by|within){SOME}$",
    r"(?:drop|loss|decrease|degradation|reduction|gain|improvement|increase)s?\s*"
    r"(?:in accuracy |of accuracy |(?:of|for|with|by|from) (?:the )?(?:PTQ|QAT|INT8)\w*\s*)*"
    rf"(?:is|was|of|=|:|are)?{SOME}$",
    rf"\b(?:los[est]+|dropp?e?[ds]?|fell|gain\w*|sacrific\w*|costs?){SOME}$",
    LOST + r"(?:幅度)?(?:僅|只|約|不到|大約|不超過|為|是|有|小於|將近|近|超過|在)*\s*$",
)
MOVED = any_of(  # after a number
    r"^(?:的|accuracy |in )*"
    r"(?:drop|loss|decrease|degradation|improvement|gain|損失|下降|降幅|提升|差距)"
    r"(?!\w*\s*(?:to\b|到|至|成|為))"
)
UPPER = any_of(
    r"less than\s*$|\bunder\s*$|\bbelow\s*$|within\s*$|at most\s*$|no more than\s*$|up to\s*$"
    r"|fewer than\s*$|不到\s*$|小於\s*$|低於\s*$|不超過\s*$|以內|少於\s*$"
)
LOWER = any_of(
    r"more than\s*$|\bover\s*$|\babove\s*$|at least\s*$|exceed\w*\s*$|超過\s*$|高於\s*$|大於\s*$"
    r"|至少\s*$|以上"
)
ABOUT = any_of(
    r"about\s*$|around\s*$|approximately\s*$|roughly\s*$|nearly\s*$|almost\s*$|close to\s*$"
    r"|approx\.?\s*$|約\s*$|大約\s*$|將近\s*$|接近\s*$|幾乎\s*$|近\s*$|左右"
)
SIZE = any_of(
    r"\bsize|shr[iu]nk|compress|small|\bfile|storage|memory|大小|壓縮|體積|縮小|容量|檔案"
)
SPEED = any_of("fast", "speed", "latency", "加速", "速度", "推[論理]時間", "延遲", "快")
OTHER_ACCURACY = any_of(  # accuracies that are not the result of a network
    r"\bval|train|驗證|訓練|\bclass\b|\bper-class|類別|agree|top-?5|confiden|random|gap|\blayer"
    r"|\bepochs?\b|差距|\bdisk|size|大小|sparsity|parameter|reduction in size|smaller"
)
BETTER = any_of(
    r"outperform|\bbetter\b(?! (?:suited|for|choice|fit))|\bhigher\b|\bbeats?\b|\bsurpass|\bexceed"
    r"|\bsuperior|more accurate|優於|勝過|超越|超過|高於|比較好|更好|更高|贏過|更準|好於"
    "|(?<=比)[^,。]{0,16}(?:好|高|準)"
)
WORSE = any_of(
    r"\bworse\b|\blower\b|\binferior|\bbelow\b|less accurate|underperform|低於|不如|比較差|更差"
    "|更低|劣於|輸給|遜於|(?<=比)[^,。]{0,16}(?:差|低)"
)
NEGATED = any_of(
    r"\bnot\b|n't\b|\bno\b|\bnever\b|\bfail|\bcannot\b|\bnone\b|\bneither\b|\bnor\b|\bhardly\b|沒有"
    "|沒能|未能|並未|不比|並不|並非|無法|未(?=優|超|高)|不優|沒比"
)
NOT_ACCURACY = any_of(
    r"fast|speed|latency|\bsize|small|\blarge|memory|time|\bcost|effort|\bloss\b|速度|大小|時間"
    r"|成本|延遲|體積|容量|損失函數|sqnr|snr|\bdB\b|hardware|硬體|\berror|錯誤率|誤差"
)
BEST = any_of(
    r"\b(?:highest|best)(?: \w+){0,2} accuracy|準確[率度]最[高好佳]"
    "|最[高好佳]的?(?:測試)?準確[率度]|精度最[高好佳]"
)
DROP_NOUN = any_of(
    r"\bdrop", "degradation", r"accuracy loss", r"loss of accuracy", "損失", "下降", "掉"
)
OTHER_BYTES = any_of(
    r"\bgpu|vram|\bram\b|記憶體|data ?set|資料集|buffer|cache|download|memory|param|參數|onnx"
    r"|\bzip\b|archive|\bflash\b|\bsram\b|快閃|torchscript|壓縮檔"
)
OTHER_RATIO = any_of(  # of another computer or way to measure, or of circuits
    r"(?<!post-)(?<!post )(?<!aware )\btrain|訓練(?!後)|\bload|載入|\bexport|匯出|convolution|卷積"
    r"|\blayer|\bvar(?:y|ies)\b|channels_last|\b(?:threads|cores)\b|\bbatch|laptop|raspberry|樹莓派"
    r"|phone|\bgpu\b|\bfpga\b|\barea\b|multiplier|multiplication|\badd(?:er|ition)|\benergy\b"
    "|transistor|執行緒|批次|筆電|手機|面積|乘法|加法|能耗|功耗"
)
TEST_BY_VALIDATION = any_of(
    r"test accurac\w+[^.。]{0,40}\b(?:on|from|using|of) (?:the )?val\w* (?:set|split|images|data)"
    r"|validation (?:set|split|data|images|accuracy)\b[^.。]{0,20}\b"
    "as (?:the |our )?(?:final )?test"
    "|驗證[集準][^。,]{0,12}(?:當作|作為|當成|即為|就是)[^。,]{0,6}測試"
    "|測試準確[率度][^。]{0,12}(?:在|用)驗證集"
)
CHOSEN_OTHERWISE = any_of(  # a hyperparameter of another run
    r"instead of|rather than|\btried\b|\bcompared?\b|而不是|而非|(?<!測)試|比較|相較|\bor\b"
    "|fine-?tun"
)
QUANTIZED = any_of("quanti[sz]", "量化", r"\bint-?8")
SMALLER = any_of("small", "lower", r"\bless\b", "小", "少", "低")
LARGER = any_of("larg", "bigger", "greater", "higher", r"\bmore\b", "大", "多", "高")
FINAL_MODEL = any_of(
    r"\b(?:our|the|my) (?:best|final) (?:model|network|baseline)",
    "(?:最佳|最終|最好)的?(?:模型|網路|網絡)",
)
RESPECTIVELY = any_of("respectively", "分別", "依序", "各為")
TO = any_of(r"\bto\s*$", "[到至成為]了?\\s*$")
FROM = any_of(r"\bfrom\s*$", "[從由自]\\s*$")
OTHER_SETTING = any_of(  # of a network besides those compared
    r"\bwith(?: only| just)? \d+ \w|\d+ (?:\w+ )?(?:images|batches|samples)|\d+ ?張|張圖"
    r"|per[- ]?channel|逐通道|\bun-?fused\b|not fused|without fus|未融合|default q?config"
    r"|(?:預設|默認)的? ?q?config|max_shift_amount|\d+[- ]bit|learning rate|\blr\b|學習率"
    r"|\bS ?(?:=|<|≤)|clamp|per class|per-class|calibrat|校準|seed|種子"
    r"|\b(?:two|three|four|five|several|\d+) (?:\w+ )?runs\b|[二兩三四五幾0-9]次"
)
