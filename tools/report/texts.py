"""Every word of the report, by language: tables in ``report_template/*.toml``."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).resolve().parents[2] / "report_template"
LANGUAGES = ("en", "zh-TW")


@dataclass(frozen=True)
class Texts:
    """The words of one language; keys are ``section.key``."""

    language: str
    words: dict[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        return self.words[key].format(**values)

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the column headers of a table."""
        return tuple(self.words[f"columns.{table}"].split("|"))


@cache
def load_texts(language: str) -> Texts:
    """Return the words of a language, one of LANGUAGES."""
    content = tomllib.loads((TEMPLATES / f"{language}.toml").read_text(encoding="utf-8"))
    words = {
        f"{section}.{key}": text
        for section, table in content.items()
        for key, text in table.items()
    }
    return Texts(language, words)
