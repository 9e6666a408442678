"""Texts as sequences of words: code, English, and Chinese, which writes none apart."""

import re

# As long as an expression is: shorter ones are everybody's, longer ones break at each new name.
CODE_WORDS = 10
# Five words of English and eight characters of Chinese are rarely written twice by chance.
SHINGLES = {"words": 5, "characters": 8}
CHINESE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
UNIT = re.compile(rf"[{CHINESE}]|[^\W_{CHINESE}]+")
CODE = re.compile(r"\w+|[^\w\s]")


def code_words(text: str) -> list[str]:
    """Return names, numbers and signs of source code, those in comments as well."""
    return CODE.findall(text)


def units(text: str) -> list[str]:
    """Return words in small letters, each Chinese character as one."""
    return UNIT.findall(text.casefold())


def is_chinese(unit: str) -> bool:
    return len(unit) == 1 and re.match(f"[{CHINESE}]", unit) is not None
