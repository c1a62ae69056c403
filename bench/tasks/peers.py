"""The Python side of bench/tasks/run.mjs: one JSON line on standard output."""

import json
import os
import sys
import time


def kmeans(file, threads):
    import faiss
    import numpy as np

    rows = np.load(file)
    faiss.omp_set_num_threads(int(threads))
    # All rows, as ours: faiss would otherwise draw 256 a centroid.
    model = faiss.Kmeans(rows.shape[1], 1000, niter=25, seed=1234, max_points_per_centroid=1 << 30)
    start = time.perf_counter()
    model.train(rows)
    seconds = time.perf_counter() - start
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(model.centroids)
    distances, _ = index.search(rows, 1)
    return {"seconds": seconds, "objective": float(distances.sum(dtype="f8")), "version": faiss.__version__}


def probe(file, labels, c, threads):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads
    import numpy as np
    import sklearn
    from sklearn.linear_model import LogisticRegression

    rows, labels = np.load(file), np.load(labels)
    wide = rows.astype("f8")

    def fit(x):
        model = LogisticRegression(C=float(c), max_iter=1000)
        start = time.perf_counter()
        model.fit(x, labels)
        seconds = time.perf_counter() - start
        logits = wide @ model.coef_.T.astype("f8") + model.intercept_
        most = logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits - most).sum(axis=1)) + most[:, 0]
        loss = (log_sum - logits[np.arange(len(labels)), labels]).mean()
        loss += (model.coef_.astype("f8") ** 2).sum() / (2 * float(c) * len(labels))
        return {"seconds": seconds, "loss": float(loss), "iterations": int(model.n_iter_[0])}

    # float32 rows make scikit-learn work in float32: its stop, and so its loss, is then only that exact.
    return {"float32": fit(rows), "float64": fit(wide), "version": sklearn.__version__}


def matcher(file):
    """MetaCLIP's two ways: `entry in text` for every entry (version 1), pyahocorasick (version 2)."""
    import ahocorasick

    with open(file) as stream:
        data = json.load(stream)
    padded = [f" {entry} " for entry in data["entries"]]

    def spaced(text):
        for mark in ",.;:?!`":
            text = text.replace(mark, f" {mark} ")
        return f" {text} "

    first = data["texts"][:40]
    start = time.perf_counter()
    found = [[at for at, entry in enumerate(padded) if entry in spaced(text)] for text in first]
    by_substring = len(first) / (time.perf_counter() - start)
    automaton = ahocorasick.Automaton()
    for at, entry in enumerate(padded):
        automaton.add_word(entry, (at, entry))
    automaton.make_automaton()
    texts = data["texts"][:100_000]
    start = time.perf_counter()
    for text in texts:
        {at for _, (at, _) in automaton.iter(spaced(text))}
    by_automaton = len(texts) / (time.perf_counter() - start)
    return {"substringPerSecond": by_substring, "automatonPerSecond": by_automaton, "first": found}


print(json.dumps({"kmeans": kmeans, "probe": probe, "matcher": matcher}[sys.argv[1]](*sys.argv[2:])))
