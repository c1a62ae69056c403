"""The Python side of bench/tasks: one JSON line on standard output."""

import json
import os
import resource
import sys
import time


def kmeans(file, threads, seed):
    import faiss
    import numpy as np

    rows = np.load(file)
    faiss.omp_set_num_threads(int(threads))
    # All rows, as ours: faiss would otherwise draw 256 a centroid.
    model = faiss.Kmeans(rows.shape[1], 1000, niter=25, seed=int(seed), max_points_per_centroid=1 << 30)
    start = time.perf_counter()
    model.train(rows)
    seconds = time.perf_counter() - start
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(model.centroids)
    distances, _ = index.search(rows, 1)
    return {"seconds": seconds, "objective": float(distances.sum(dtype="f8")), "version": faiss.__version__}


def probe(file, labels, c, tolerance, kind, threads):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads
    import numpy as np
    import sklearn
    from sklearn.linear_model import LogisticRegression

    # float32 rows make scikit-learn work in float32: its stop, and so its loss, is then only that exact.
    rows, labels = np.load(file), np.load(labels)
    wide = rows.astype("f8")
    given = wide if kind == "float64" else rows
    model = LogisticRegression(C=float(c), max_iter=1000, tol=float(tolerance))
    start = time.perf_counter()
    model.fit(given, labels)
    seconds = time.perf_counter() - start
    logits = wide @ model.coef_.T.astype("f8") + model.intercept_
    most = logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits - most).sum(axis=1)) + most[:, 0]
    loss = (log_sum - logits[np.arange(len(labels)), labels]).mean()
    loss += (model.coef_.astype("f8") ** 2).sum() / (2 * float(c) * len(labels))
    return {
        "seconds": seconds,
        "loss": float(loss),
        "iterations": int(model.n_iter_[0]),
        "predictions": model.predict(given).tolist(),
        "version": sklearn.__version__,
    }


def losses(kind, images, texts, threads):
    """open_clip's two losses by autograd, the n x n logits in memory."""
    import numpy as np
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(int(threads))
    a, b = (torch.tensor(np.load(file), requires_grad=True) for file in (images, texts))

    def loss():
        if kind == "clip":
            logits = 100.0 * a @ b.T
            own = torch.arange(len(a))
            return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
        logits = 10.0 * a @ b.T - 10.0
        return -F.logsigmoid((2 * torch.eye(len(a)) - 1) * logits).sum() / len(a)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    value = loss()
    value.backward()
    seconds = time.perf_counter() - start
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {"seconds": seconds, "loss": value.item(), "extra": extra, "version": torch.__version__}


def matcher(file):
    """MetaCLIP's two ways: pyahocorasick (as its code is today), `entry in text` for every entry (as it began)."""
    import ahocorasick
    from importlib.metadata import version

    with open(file) as stream:
        data = json.load(stream)
    padded = [f" {entry} " for entry in data["entries"]]

    def spaced(text):
        text = f" {text} "
        for mark in ",.;:?!`":
            text = text.replace(mark, f" {mark} ")
        for blank in "\t\n\r":
            text = text.replace(blank, " ")
        return text

    first = data["texts"][:40]
    start = time.perf_counter()
    found = []
    for text in first:
        text = spaced(text)
        found.append([at for at, entry in enumerate(padded) if entry in text])
    by_substring = len(first) / (time.perf_counter() - start)
    automaton = ahocorasick.Automaton()
    for at, entry in enumerate(padded):
        automaton.add_word(entry, (at, entry))
    automaton.make_automaton()
    matches = 0
    start = time.perf_counter()
    for text in data["texts"]:
        ids = set()
        for _, (at, _) in automaton.iter(spaced(text)):
            ids.add(at)
        matches += len(list(ids))
    by_automaton = len(data["texts"]) / (time.perf_counter() - start)
    return {
        "substringPerSecond": by_substring,
        "automatonPerSecond": by_automaton,
        "first": found,
        "matches": matches,
        "version": version("pyahocorasick"),
        "python": sys.version.split()[0],
    }


JOBS = {"kmeans": kmeans, "probe": probe, "losses": losses, "matcher": matcher}
print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
