"""Students' Markdown as a page that staff can open: formulas and figures stay, attacks don't."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.report.page import page, safe_html

ATTACKS = {
    "script": "<script>alert(1)</script>",
    "script in a table": "| a |\n| --- |\n| <script>alert(1)</script> |",
    "event handler": '<img src="x.png" onerror="alert(1)">',
    "event handler in upper case": '<P ONCLICK="alert(1)">x</P>',
    "javascript link": "[x](javascript:alert(1))",
    "javascript link, hidden": "[x](java&#x0A;script&colon;alert(1))",
    "data link": "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "vbscript": '<a href="vbscript:x">x</a>',
    "style tag": "<style>body{background:url(https://evil.example/x)}</style>",
    "style attribute": '<p style="position:fixed;background:url(https://evil.example)">x</p>',
    "iframe": '<iframe src="https://evil.example"></iframe>',
    "object": '<object data="https://evil.example/x.swf"></object><embed src="x">',
    "remote image": "![x](https://evil.example/track.png)",
    "remote image without protocol": "![x](//evil.example/track.png)",
    "remote image in HTML": '<img src="https://evil.example/t" srcset="//evil.example/2">',
    "remote image behind a text with brackets": '![a > b " src=x](https://evil.example/t.png)',
    "svg": '<svg onload="alert(1)"><script>alert(1)</script></svg>',
    "math with a link": '<math href="javascript:alert(1)"><mi xlink:href="x:1">x</mi></math>',
    "math with an action": '<math><maction actiontype="statusline">x</maction></math>',
    "math with HTML": "<math><annotation-xml encoding='text/html'><script>alert(1)</script>"
    "</annotation-xml></math>",
    "form": '<form action="https://evil.example"><input name="x"><button>ok</button></form>',
    "meta": '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "base": '<base href="https://evil.example/">',
    "link": '<link rel="stylesheet" href="https://evil.example/x.css">',
    "template": "<template><script>alert(1)</script></template>",
    "comment": "<!--><img src=x onerror=alert(1)>-->",
    "broken tags": '<<script>script>alert(1)<</script>/script><img """><script>alert(1)</script>">',
    "formula": "$\\text{<script>alert(1)</script>}$ $<img src=x onerror=alert(1)>$",
    "formula with a link": "$$\\href{javascript:alert(1)}{x}$$",
    "code": '```html" onclick="alert(1)\n<script>alert(1)</script>\n```',
    "end of the page": "</main></body></html><script>alert(1)</script>",
}
FORBIDDEN = set(
    "script style iframe object embed svg form input button meta base link template maction "
    "annotation-xml".split()
)


class Dangers(HTMLParser):
    """Collects what could act or load anything in a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.dangers: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.dangers += [tag] if tag in FORBIDDEN else []
        for name, value in attributes:
            is_link = name in ("href", "src") and not is_harmless(tag, value or "")
            if is_link or name.startswith("on") or name in ("style", "srcset", "xlink:href"):
                self.dangers.append(f"{tag} {name}={value}")


def is_harmless(tag: str, target: str) -> bool:
    if tag == "img":
        return target.startswith("data:image/")
    return target.split(":")[0] in ("http", "https", "mailto") or ":" not in target


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_acts_survives(tmp_path: Path, attack: str) -> None:
    html, _ = page(f"# Title\n\nbefore\n\n{ATTACKS[attack]}\n\nafter", tmp_path, "en")
    body = html[html.index("<main>") :]
    assert Dangers(body).dangers == []
    assert body.count("</html>") == 1
    assert "before" in body


PIECES = (
    *ATTACKS.values(),
    *("$", "$$", "`", "<", ">", '"', "\n", "\n\n", "x"),
    *("<math>", "</math>", "<details markdown=1>", "&lt;"),
)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_mixture_of_attacks_survives(text: str) -> None:
    html, _ = page(text, Path("no-such-folder"), "en")
    assert Dangers(html[html.index("<main>") :]).dangers == []


def test_the_policy_allows_only_the_pages_own_style(tmp_path: Path) -> None:
    html, _ = page("# Title", tmp_path, "zh-TW")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert policy[1].startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert '<html lang="zh-TW">' in html


def test_formulas_become_mathml_and_code_and_prices_stay() -> None:
    html = safe_html(
        "Inline $s = \\frac{2m}{255}$ and `$code$`, for $5 and $6.\n\n$$q = x^2 < 3 \\& y$$\n\n"
        "```\n$$not a formula$$\n```\n"
    )
    assert html.count("<math") == 2
    assert 'display="block"' in html
    assert "<mfrac>" in html
    assert "<code>$code$</code>" in html
    assert "$5 and $6" in html
    assert "$$not a formula$$" in html


@pytest.mark.parametrize(
    "formula", ["\\frac{", "\\left(", "\\begin{matrix}", "_^_^", "\\unknown{x}"]
)
def test_a_formula_that_is_none_does_no_harm(formula: str) -> None:
    assert "after" in safe_html(f"before ${formula}$ after")


def test_lists_tables_and_unfolding_parts_survive() -> None:
    html = safe_html(
        '- a\n- b\n\n<details markdown="1">\n<summary>All</summary>\n\n| A | B |\n| --- | ---: |\n'
        "| x | 1 |\n\n</details>\n\n<sub>Source: `runs/fp32/run.jsonl` lines 2-3</sub>\n"
    )
    for tag in ("<li>", "<details>", "<summary>All</summary>", '<td align="right">1</td>', "<sub>"):
        assert tag in html


PNG = b"\x89PNG\r\n\x1a\n rest"
BROKEN = {
    "missing.png": "no such file",
    "../outside.png": "outside of the report's folder",
    "text.png": "holds no PNG image",
    "secret.txt": "only .png",
    "https://evil.example/x.png": "only files beside the report",
    "%2e%2e/outside.png": "outside of the report's folder",
    "link.png": "outside of the report's folder",
}


@pytest.mark.parametrize("source", BROKEN)
def test_images_that_can_not_be_embedded_are_named(tmp_path: Path, source: str) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (tmp_path / "outside.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "text.png").write_text("no image")
    (folder / "secret.txt").write_text("secret")
    html, (problem,) = page(f"![what it shows]({source})", folder, "en")
    assert BROKEN[source] in problem
    assert "what it shows" in html
    assert "<img" not in html


def test_images_are_embedded_and_only_the_kits_own_svg_is_used(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    for name, vector in (("ours", "<svg><dc:title>Matplotlib v3"), ("other", "<svg><script>")):
        (tmp_path / "figures" / f"{name}.png").write_bytes(PNG)
        (tmp_path / "figures" / f"{name}.svg").write_text(vector)
    html, problems = page("![a](figures/ours.png) ![b](figures/other.png)", tmp_path, "en")
    assert problems == []
    assert re.findall(r'src="data:(image/[a-z+]+);', html) == ["image/svg+xml", "image/png"]
