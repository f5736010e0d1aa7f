"""Classify short texts from hashed words: a sparse matrix of many columns, of which each row has a few.

Texts are made up here: of two kinds of notes, on weather and on cooking, which share most of their words. Words and pairs of words
are hashed into 2^15 columns, as one does with a vocabulary that is not known beforehand, and the CSR matrix goes straight into `fit`.

Needs SciPy. Run: python examples/sparse_text.py
"""

import importlib.util
import sys
import time
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

COLUMNS = 1 << 15

SHARED = "today we expect some light then more later a little of the first and last with slow warm cold dry fresh water near"
KINDS = (
    "wind rain clouds sun coast hills showers front pressure evening storm north",
    "onion butter salt oven dough pan stir simmer garlic sauce pepper bowl",
)


def made_up_texts(count: int, random: np.random.Generator) -> tuple[list[str], NDArray[np.int64]]:
    """Return texts of 8 to 20 words, one in eight of which tells the kind, and their kinds."""
    kinds = random.integers(0, len(KINDS), count)
    texts = []
    for kind in kinds:
        length = int(random.integers(8, 21))
        telling = random.random(length) < 1 / 8
        telling[random.integers(length)] = True
        texts.append(" ".join(random.choice((KINDS[kind] if tells else SHARED).split()) for tells in telling))
    return texts, kinds


def hashed(texts: Sequence[str]) -> Any:
    """Return a CSR matrix with a row for each text: the counts of its words and of pairs of neighbours, by their hashes."""
    from scipy.sparse import csr_matrix

    columns: list[int] = []
    offsets = [0]
    for text in texts:
        words = text.split()
        columns += [zlib.crc32(word.encode()) % COLUMNS for word in (*words, *map(" ".join, pairwise(words)))]
        offsets.append(len(columns))
    counts = csr_matrix((np.ones(len(columns), np.float32), columns, offsets), shape=(len(texts), COLUMNS))
    counts.sum_duplicates()
    return counts


def main(argv: Sequence[str] = ()) -> int:
    """Train on 4000 texts, print how many of 1000 others are right, and return 0 when nearly all are."""
    if importlib.util.find_spec("scipy") is None:
        print("sparse rows need SciPy: pip install scipy")
        return 1
    random = np.random.default_rng(0)
    texts, kinds = made_up_texts(5000, random)
    x = hashed(texts)
    print(
        f"{x.shape[0]} texts, {x.shape[1]} columns, {x.nnz / x.shape[0]:.1f} entries a row; {np.prod(x.shape) * 4 / 1e6:.0f} MB if dense"
    )

    model = cr.Sequential([cr.Dense(16, "relu"), cr.Dense(len(KINDS))], seed=1)
    start = time.perf_counter()
    model.fit(x[:4000], kinds[:4000], epochs=5, batch_size=64, loss="cross_entropy", optimizer=cr.Adam(0.005), verbose=0)
    seconds = time.perf_counter() - start
    right = int((model.predict(x[4000:]).argmax(axis=1) == kinds[4000:]).sum())
    print(f"{right} of 1000 other texts right after 5 epochs in {seconds:.2f} s")

    example = "salt rain and a little butter with the dough"
    scores = model.predict(hashed([example]))[0]
    print(f"{example!r} is on {('weather', 'cooking')[int(scores.argmax())]}")
    return 0 if right >= 950 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
