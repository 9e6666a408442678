"""Every pattern of the lexicon is needed, and leaves alone what it must."""

import pytest

from tools.review.reading.lexicon import Lexicon, languages, load
from tools.review.reading.report import reading
from tools.review.reading.words import FAMILIES

LEXICON = load()
READ = (*FAMILIES, "hyper")  # roles that statements are read from
# Roles that tell what a line, a cell or a header is; all others have to change what is read.
LINES = (
    *("section", "numbered", "prompt", "placeholder", "chat", "label", "topic", "claim", "own"),
    *("header", "formula", "figure", "this_lab", "described", "before", "blank", "without", "all"),
    *("in_general", "nobody", "final_model", "rate", "only_one", "tried"),
)
GROUPS = sorted({(entry.language, entry.role) for entry in LEXICON.entries})


def readings(sentence: str, lexicon: Lexicon) -> object:
    """Return all that a lexicon sees in a sentence: statements, words, and what it is as a line."""
    words = [(tag.role, tag.start, tag.end) for tag in lexicon.tags(sentence, *READ)]
    own = [role for role in lexicon.roles if role.startswith(LINES)]
    lines = [(role, m.start(), m.end()) for role in own if (m := lexicon.search(role, sentence))]
    shown = lexicon.normal(sentence)
    wholes = [role for role in own if lexicon.roles[role].fullmatch(shown)]
    rest = [
        lexicon.roles[r].sub(" ", shown) for r in ("neutral", "label.plain") if r in lexicon.roles
    ]
    return reading(sentence, lexicon), words, lines, wholes, rest


@pytest.mark.parametrize(("language", "role"), GROUPS)
def test_each_pattern_is_needed_by_its_own_sentences(language: str, role: str) -> None:
    for entry in LEXICON.entries:
        if (entry.language, entry.role) != (language, role):
            continue
        assert entry.reads, entry
        without = LEXICON.without(entry)
        for sentence in entry.reads:
            assert readings(sentence, LEXICON) != readings(sentence, without), (entry, sentence)


@pytest.mark.parametrize(("language", "role"), GROUPS)
def test_each_role_leaves_alone_what_it_must(language: str, role: str) -> None:
    own = Lexicon(
        tuple(e for e in LEXICON.entries if (e.language, e.role) == (language, role)),
        twins=LEXICON.twins,
    )
    sentences = LEXICON.leaves[language, role]
    assert sentences
    for sentence in sentences:
        if role in ("blank", "links", "attach", "between", "contract.of_type"):
            assert not own.roles[role].fullmatch(own.normal(sentence)), sentence
        else:
            assert own.search(role, sentence) is None, sentence


def test_a_third_language_is_one_more_file() -> None:
    assert "ja" in languages()
    english = load(("en",))
    sentence = "QATの精度はPTQより高い。"
    (order,) = [s for s in reading(sentence, LEXICON) if s.relation == "more"]
    assert (order.model, order.metric, order.than) == ("qat", "accuracy", "ptq")
    assert not [s for s in reading(sentence, english) if s.relation == "more"]


def test_simplified_characters_are_read_as_traditional_ones() -> None:
    pairs = [
        ("QAT 的准确率优于 PTQ。", "QAT 的準確率優於 PTQ。"),
        ("零点：quint8 是 127。", "零點：quint8 是 127。"),
    ]
    for simplified, traditional in pairs:
        one, two = reading(simplified, LEXICON), reading(traditional, LEXICON)
        assert [(s.model, s.metric, s.relation, s.than) for s in one] == [
            (s.model, s.metric, s.relation, s.than) for s in two
        ]
