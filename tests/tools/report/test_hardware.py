"""The report on a network of integers and shifts: what a certificate says, and nothing else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from lab3.log.certificate import EngineProof, IntegerLayer
from lab3.log.runlog import append, read_log
from tests.making.logs.certificates import (
    IMAGES,
    LAYERS,
    OTHER,
    VALUES,
    certificate,
    certify,
    difference,
    layer,
    proof,
)
from tests.making.logs.folders import PTQ_SHA, QAT_SHA, write_runs
from tests.reports.cases import FILES
from tools.report.facts import hardware
from tools.report.sections import SECTIONS
from tools.report.sections.context import Context
from tools.report.sources import collect
from tools.report.texts import LANGUAGES, load_texts
from tools.report.writing import write_report
from tools.review import review
from tools.student.hardware import print_certificate


def hardware_section(folder: Path, language: str = "en") -> str:
    """The section as it is written, without a figure drawn."""
    t = load_texts(language)
    context = Context(collect(folder / "runs"), t, t, folder / "figures", folder)
    return "\n\n".join(SECTIONS["hardware"](context))


def section(text: str) -> str:
    return text.split("<!-- lab3: hardware")[1].split("<!-- /lab3 -->")[0]


def tables(text: str) -> list[list[list[str]]]:
    """All tables of a section, each as rows of cells without its ruler."""
    blocks = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    split = [
        [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]
        for table in blocks
    ]
    return [[rows[0], *rows[2:]] for rows in split]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs that have certificates, and the report in each language.

    Of its figures only the one of this section is drawn; the others are any picture.
    """
    folder = tmp_path_factory.mktemp("hardware")
    certify(write_runs(folder / "runs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "draw", only_hardware)
        for language in LANGUAGES:
            path = folder / language / "report.md"
            write_report(path, collect(folder / "runs"), language)
    return folder


def only_hardware(context: Context, save: Callable[[Path], list[Path]], name: str) -> None:
    context.figures.mkdir(parents=True, exist_ok=True)
    if name == "hardware":
        context.drawings.append(lambda: save(context.figures / name))
    else:
        (context.figures / f"{name}.png").write_bytes(FILES["curves.png"])


@pytest.fixture(scope="module")
def english(report: Path) -> str:
    return section((report / "en" / "report.md").read_text())


def test_the_tables_hold_the_numbers_of_the_record(english: str) -> None:
    summary, savings, *_ = tables(english)
    assert [row[0] for row in summary] == ["Run", "`ptq`", "`qat`"]
    assert summary[1][1:] == [
        "40",
        f"{VALUES:,}",
        "0",
        "6 to 9",
        "-1 to 1",
        "23",
        "17",
        "9",
    ]
    multiplications, saved = 2 * 27_648 + 640, 2 * 1024 + 2 * 2048 + 64 + 10
    clipped = 7 + 2_500 + (11 + 3) + 4 * 3
    assert savings[2] == [
        "`qat`",
        f"{multiplications:,}",
        f"{saved:,}",
        f"{100 * saved / (saved + multiplications):.2f}",
        f"{100 * clipped / VALUES:.3f}",
    ]


def test_every_layer_has_a_row(english: str) -> None:
    _, _, steps, others = tables(english)
    assert [row[0] for row in steps[1:]] == [f"`{layer.layer}`" for layer in LAYERS]
    assert steps == others
    assert steps[1] == [
        "`quant`",
        "input quantizer",
        "-",
        "-",
        "6",
        "",
        "-",
        "-",
        "-",
        "7",
        "0",
        "31.3",
    ]
    assert steps[2] == [
        "`conv1`",
        "convolution",
        "9",
        "-",
        "4",
        "weight, activation",
        "21",
        "17",
        "11",
        "0",
        "2,500",
        "31.3",
    ]
    assert steps[4][2:4] == ["1", "0 / 2"]
    assert steps[6][-1] == "-"


def test_an_identical_network_is_called_so(english: str) -> None:
    assert (
        f"all {VALUES:,} values of its 7 layers, for 40 test images, equal those of PyTorch's own "
        "INT8 kernels bit for bit (engine qnnpack, on a CPU)." in english
    )
    assert english.count("bit for bit (engine") == 2
    assert "the halves of residual additions go away from zero, as on engine qnnpack." in english
    assert english.count("A shift to the right rounds") == 1


def test_each_engine_that_differs_says_where_and_why(english: str) -> None:
    assert (
        f"- Engine onednn: 1,240 of {VALUES:,} values of `ptq` differ, by 29 at most, and 3 of 40 "
        "test images get another class than with qnnpack: in `layer1.add`, `layer2.add`, the "
        "engine rounds the halves of additions to the even neighbour; in `conv1`, the engine was "
        "seen to add products in 16 bits on this processor, where these sums may saturate; in "
        "`fc`, the reason is unknown.\n" in english
    )
    assert "- Engine fbgemm: the values of `qat` are the same too, bit for bit, for 40" in english


def test_a_network_that_differs_is_not_called_identical(tmp_path: Path) -> None:
    many = [difference(f"conv{i}", 2, i, "bias") for i in range(1, 6)]
    own = proof("qnnpack", *many, difference("fc", 1, 1, "zero_point"))
    certify(write_runs(tmp_path / "runs"), proofs=(own,), ties="even")
    text = hardware_section(tmp_path)
    assert f"of {VALUES:,} values of its 7 layers, for 40 test images, 11 are not those of" in text
    assert "by 5 at most: in `conv1`, `conv2`, `conv3` and 2 more, the bias is not on" in text
    assert "in `fc`, the engine rounds after it has added an odd zero point." in text
    assert "bit for bit" not in text
    assert "go to the even neighbour, as on engine qnnpack" in text
    assert tables(text)[0][1][3] == "11"


def test_engines_that_compute_the_same_share_a_sentence(tmp_path: Path) -> None:
    alike = OTHER.model_copy(update={"engine": "x86"})
    fewer = OTHER.model_copy(update={"engine": "fbgemm", "changed_classes": 2})
    certify(write_runs(tmp_path / "runs"), proofs=(proof("qnnpack"), OTHER, alike, fewer))
    text = hardware_section(tmp_path, "zh-TW")
    assert re.findall(r"^- 引擎 ([^：]*)：", text, re.M) == ["onednn、x86", "fbgemm"] * 2
    assert text.count("40 張測試影像中有 3 張的類別與 qnnpack 不同") == 2


def test_chinese_has_the_same_numbers(report: Path, english: str) -> None:
    chinese = section((report / "zh-TW" / "report.md").read_text())
    assert f"{VALUES:,} 個值，與 PyTorch 自身的 INT8 運算核心逐位元完全相同" in chinese
    for ours, theirs in zip(tables(english), tables(chinese), strict=True):
        assert len(ours) == len(theirs)
        for row, other in zip(ours[1:], theirs[1:], strict=True):
            assert re.findall(r"\d[\d.,]*", " ".join(row)) == re.findall(
                r"\d[\d.,]*", " ".join(other)
            )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_figure_is_there_is_not_blank_and_is_told_in_numbers(
    report: Path, language: str
) -> None:
    folder = report / language
    image = re.search(
        r"!\[([^]]*)\]\((figures/hardware\.png)\)", (folder / "report.md").read_text()
    )
    assert image
    assert re.findall(r"\d+", image[1]) == ["32", *["6", "10", "23", "10", "17", "1", "9"] * 2]
    pixels = imread(folder / image[2])[..., :3]
    assert (pixels < 0.9).any(axis=2).mean() > 0.005
    assert b"<svg" in (folder / image[2]).with_suffix(".svg").read_bytes()[:400]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_review_finds_nothing_in_it(report: Path, language: str) -> None:
    text = (report / language / "report.md").read_text()
    answered = text.replace(load_texts(language)("prompts.placeholder"), "I answered this.")
    logs = [read_log(report / "runs" / name) for name in ("fp32", "ptq", "qat")]
    assert review(answered, report / language, logs) == []


def test_the_lines_of_the_certificates_are_named(tmp_path: Path) -> None:
    certify(certify(write_runs(tmp_path / "runs")))  # the last of two counts
    lines = {
        name: len((tmp_path / "runs" / name / "run.jsonl").read_text().splitlines())
        for name in ("ptq", "qat")
    }
    places = "; ".join(f"`runs/{name}/run.jsonl` line {line}" for name, line in lines.items())
    assert f"<sub>Source: {places}</sub>" in hardware_section(tmp_path)


def test_one_run_without_a_certificate_is_left_out(tmp_path: Path) -> None:
    append(write_runs(tmp_path / "runs") / "qat", certificate(QAT_SHA))
    text = hardware_section(tmp_path)
    assert [row[0] for row in tables(text)[0]] == ["Run", "`qat`"]
    assert "ptq" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("is_stale", [False, True])
def test_without_a_certificate_of_the_checkpoint_there_is_a_gap(
    tmp_path: Path, language: str, is_stale: bool
) -> None:
    runs = write_runs(tmp_path / "runs")
    if is_stale:
        append(runs / "ptq", certificate("f" * 64))
    text = hardware_section(tmp_path, language)
    gap = {"en": "**Gap:**", "zh-TW": "**缺漏：**"}[language]
    assert text.startswith(gap)
    assert "\n" not in text
    assert "`lab3 hardware ptq`" in text


def test_an_older_report_gets_the_section_and_keeps_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there was this section, its place held the words behind the noise."""
    monkeypatch.setattr(Context, "draw", lambda *_: None)
    path, sources = tmp_path / "report.md", collect(certify(write_runs(tmp_path / "runs")))
    write_report(path, sources, "zh-TW")
    new = path.read_text()
    block = f"<!-- lab3: hardware{section(new)}<!-- /lab3 -->\n\n"
    path.write_text(new.replace(block, "My words on noise.\n\n"))
    again = write_report(path, sources)
    assert (again.edits, again.backup) == ([], None)
    assert path.read_text() == new.replace(block, f"My words on noise.\n\n{block}")


def test_odd_certificates_are_told_and_drawn(tmp_path: Path) -> None:
    """Valid records whose parts don't fit each other."""
    nothing = EngineProof(
        engine="none", images=0, values=0, different=5, changed_classes=0, differences=()
    )
    runs = write_runs(tmp_path / "runs")
    append(runs / "ptq", certificate(PTQ_SHA, layers=(), images=0, proofs=(nothing,)))
    wide = layer("conv1", accumulator_bits=40, seen_bits=None, shift=-3, below=2**70)
    append(runs / "qat", certificate(QAT_SHA, layers=(wide,), proofs=(nothing, nothing)))
    t = load_texts("en")
    context = Context(collect(runs), t, t, tmp_path, tmp_path)
    text = "\n\n".join(SECTIONS["hardware"](context))
    assert "by 0 at most: in ?, the reason is unknown." in text
    summary, savings, *_ = tables(text)
    assert summary[1][4:] == ["-"] * 5
    assert summary[2][4:] == ["-3", "-", "40", "-", "-8"]
    assert savings[1][1:] == ["0", "0", "0.00", "0.000"]
    drawn = [path.name for draw in context.drawings for path in draw()]
    assert drawn == ["hardware.png", "hardware.svg"]


small = st.integers(0, 10**6)
shifts = st.none() | st.integers(-8, 24)
any_layers = st.lists(
    st.builds(
        layer,
        st.just("x"),
        operation=st.sampled_from(
            ["convolution", "linear", "addition", "average", "relu", "quantize"]
        ),
        shift=shifts,
        accumulator_bits=st.none() | st.integers(2, 32),
        values=small,
        seen_bits=st.none() | st.integers(1, 32),
        multiplications=small,
        saved=small,
        below=small,
        above=small,
    ),
    max_size=6,
)


@given(any_layers, st.integers(0, 10_000))
def test_totals_are_those_of_a_loop(layers: list[IntegerLayer], images: int) -> None:
    totals = hardware.totals(certificate(PTQ_SHA, layers=tuple(layers), images=images))
    multiplications = saved = clipped = values = 0
    products, additions, bits, seen = [], [], [], []
    for x in layers:
        multiplications, saved = multiplications + x.multiplications, saved + x.saved
        clipped, values = clipped + x.below + x.above, values + x.values * images
        for numbers, number in ((bits, x.accumulator_bits), (seen, x.seen_bits)):
            numbers += [number] if number is not None else []
        if x.shift is not None and x.operation == "addition":
            additions.append(x.shift)
        if x.shift is not None and x.operation in ("convolution", "linear"):
            products.append(x.shift)
    for shown, numbers in ((totals.products, products), (totals.additions, additions)):
        assert shown == ((sorted(numbers)[0], sorted(numbers)[-1]) if numbers else None)
    assert (totals.bits, totals.seen_bits) == (max(bits, default=None), max(seen, default=None))
    assert totals.head_room == (32 - max(bits) if bits else None)
    assert (totals.multiplications, totals.saved) == (multiplications, saved)
    assert totals.saved_part * (saved + multiplications) == pytest.approx(saved)
    assert totals.saturated_part == (clipped / values if values else 0)


def test_the_terminal_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    alike = OTHER.model_copy(update={"engine": "x86"})
    record = certificate(PTQ_SHA, proofs=(proof("qnnpack"), proof("fbgemm"), OTHER, alike))
    print_certificate("ptq", record)
    shown = capsys.readouterr().out
    assert f"identical: all {VALUES:,} values of {len(LAYERS)} layers" in shown
    assert "halves to even, in additions away from zero, as qnnpack does" in shown
    assert "\nfbgemm: identical\n" in shown
    assert f"\nonednn, x86: 1,240 values differ; 3 of {IMAGES} images get another class" in shown
    for reason in ("ties: ", "saturation: ", "unknown: "):
        assert shown.count(f"\n{reason}") == 1
    assert "bias: " not in shown
    for name, words in (("layer1.add", "ties +1,200 +1"), ("fc", "unknown +1 +2")):
        assert re.search(rf"onednn, x86 +{name} +{words}", shown)
    assert re.search(rf"conv1 .* {100 * 2_500 / (1024 * IMAGES):.2f} ", shown)


def test_the_terminal_says_what_is_not_identical(capsys: pytest.CaptureFixture[str]) -> None:
    own = proof("qnnpack", difference("conv1", 3, 2, None))
    print_certificate("ptq", certificate(PTQ_SHA, proofs=(own,)))
    shown = capsys.readouterr().out
    assert f"not identical: 3 of {VALUES:,} values" in shown
    assert "identical: all" not in shown
    assert re.search(r"qnnpack +conv1 +unknown +3 +2", shown)
