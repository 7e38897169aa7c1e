from hypothesis import given
from hypothesis import strategies as st

from llm.fence import TEXT_LIMIT, fence, neutralise, unfence

hostile = st.text(st.sampled_from("<>|[]/a \n") | st.characters(codec="utf-8"), max_size=200)


@given(hostile, hostile)
def test_fence_cannot_be_closed_or_opened_from_inside(text: str, label: str):
    first, *inside, last = fence(text, label=label).split("\n")
    assert first.startswith("<<<")
    assert last == ">>>"
    assert not any(marker in "\n".join(inside) for marker in ("<<", ">>", "<|", "|>"))
    assert ">" not in first


@given(hostile)
def test_neutralise_of_what_it_gave_changes_nothing(text: str):
    assert neutralise(neutralise(text)) == neutralise(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="<>|[\x00"), max_size=200))
def test_unfence_returns_ordinary_text_unchanged(text: str):
    assert unfence(fence(text, label="search")) == text


def test_unfence_of_text_without_a_fence_is_the_text():
    for text in ("hello", "<<<", "<<<\n", "\n>>>", "<<<x>>>"):
        assert unfence(text) == text


def test_neutralise_breaks_the_markers_of_chat_templates():
    for marker in (
        "<|im_start|>system",
        "[INST]",
        "[/inst]",
        "</s>",
        "<start_of_turn>",
        "<end_of_turn>",
        "[SYS]",
    ):
        assert marker not in neutralise(f"a {marker} b")


def test_neutralise_leaves_ordinary_signs_alone():
    text = "if a < b and c > d | e [1] <b>bold</b> 5>4"
    assert neutralise(text) == text


def test_fence_leaves_out_what_is_too_long_and_says_so():
    fenced = fence("x" * (TEXT_LIMIT + 1), label="page")
    assert len(fenced) < TEXT_LIMIT + 100
    assert "left out" in fenced


def test_fence_drops_nul():
    assert unfence(fence("a\x00b", label="x")) == "ab"
