import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm.embedding import DIMENSIONS, SLANG, TEXT_LIMIT, clean, embed

any_text = st.text(st.characters(), max_size=300)


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_clean_lowers_expands_and_normalises():
    assert clean("VC sabe qdo ENVIAM? ﬁm") == "você sabe quando enviam? fim"
    assert clean("pls, dont!") == "please, don't!"
    assert clean("xq no llega, porfa") == "porque no llega, por favor"


def test_clean_expands_whole_words_only():
    assert clean("inquebrável nós quem vco u2") == "inquebrável nós quem vco u2"


def test_clean_expanded_slang_is_not_slang_again():
    assert {clean(meaning) for meaning in SLANG.values()} == {meaning.lower() for meaning in SLANG.values()}


@given(any_text)
def test_clean_gives_text_any_encoder_takes(text: str):
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert len(cleaned) <= TEXT_LIMIT


def test_clean_cuts_before_and_after_signs_grow():
    assert len(clean("\ufdfa" * 50_000)) == TEXT_LIMIT
    assert len(clean("q " * 5_000)) <= TEXT_LIMIT


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "😀", "\ufdfa" * 999, "a" * 60_000, "?", "你好"])
def test_embed_gives_512_floats_of_unit_length(text: str):
    (vector,) = embed([text])
    assert len(vector) == DIMENSIONS
    assert math.isclose(cosine(vector, vector), 1, abs_tol=1e-5)
    assert all(isinstance(one, float) for one in vector)


def test_embed_of_nothing_is_nothing():
    assert embed([]) == []


def test_embed_does_not_mind_capitals_slang_or_company():
    plain = "quando você envia o meu pedido?"
    alone, shouted, slang = embed([plain])[0], embed(["QUANDO VOCÊ ENVIA O MEU PEDIDO?"])[0], None
    slang, _other = embed(["qdo vc envia o meu pedido?", "an entirely different and much longer text" * 9])
    assert cosine(alone, shouted) > 0.9999
    assert cosine(alone, slang) > 0.9999


def test_embed_finds_the_meaning_across_languages():
    question, right, wrong = embed(["Onde está meu pedido?", "Where is my order?", "How do I bake bread?"])
    assert cosine(question, right) > 0.5
    assert cosine(question, wrong) < 0.3


def test_embed_from_several_threads_gives_the_same_vectors():
    texts = [f"question number {number} about delivery" for number in range(20)]
    expected = [embed([text])[0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: embed([text])[0], texts * 3))
    assert all(cosine(one, two) > 0.99999 for one, two in zip(found, expected * 3, strict=True))


ONE_THREAD = """
import django, os
django.setup()
from llm.embedding import embed
embed(["ready"] * 64)
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted through /proc")  # noqa: PTH112
def test_embed_starts_no_threads_of_its_own():
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    out = subprocess.run(
        [sys.executable, "-c", ONE_THREAD],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert out.stdout.strip() == "1"
