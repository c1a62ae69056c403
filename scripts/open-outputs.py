"""Opens what `diptych embed` writes with numpy, pandas, polars, DuckDB and clip-retrieval's reader, and compares.

    python -m venv venv && venv/bin/pip install numpy pandas pyarrow polars duckdb embedding-reader
    venv/bin/python scripts/open-outputs.py

Embeds the example photos in every format, as images with columns of their own and as pairs, then checks that every
reader sees the same rows, names and vectors. Ends with 1 at the first difference.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from embedding_reader import EmbeddingReader

ROOT = Path(__file__).resolve().parent.parent
MAIN = ROOT / "dist" / "cli" / "main.js"


def embed(table: Path, out: Path, *flags: str) -> None:
    command = ["node", str(MAIN), "embed", str(table), "--out", str(out), "--quiet", "--device", "cpu", *flags]
    subprocess.run(command, check=True)


def same(what: str, found, expected) -> None:
    if isinstance(expected, np.ndarray):
        ok = np.asarray(found).shape == expected.shape and np.array_equal(np.asarray(found), expected)
    else:
        ok = found == expected
    print("ok  " if ok else "FAIL", what)
    if not ok:
        print(" found   ", found, "\n expected", expected)
        sys.exit(1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        photos = sorted((ROOT / "examples" / "photos").glob("*.jpg"))
        captions = [f"a photo, \"{photo.stem}\" été 猫" for photo in photos]
        table = work / "table.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["image_path", "caption", "year"])
            writer.writerows(zip(map(str, photos), captions, range(2000, 2000 + len(photos))))
        paths = [str(photo) for photo in photos]
        years = list(range(2000, 2000 + len(photos)))

        npy = work / "npy"
        embed(table, npy, "--shard-size", "2")
        state = json.loads((npy / "run.json").read_text())
        parts = [part["part"] for part in state["parts"]]
        images = np.concatenate([np.load(npy / "img_emb" / f"img_emb_{part}.npy") for part in parts])
        texts = np.concatenate([np.load(npy / "text_emb" / f"text_emb_{part}.npy", mmap_mode="r") for part in parts])
        same("numpy: shape and type", (images.shape, images.dtype.name), ((len(photos), state["dim"]), "float32"))
        same("numpy: unit length", bool(np.allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)), True)
        metadata = [npy / "metadata" / f"metadata_{part}.parquet" for part in parts]
        frame = pd.concat([pd.read_parquet(file) for file in metadata], ignore_index=True)
        same("pandas: metadata", (frame["image_path"].tolist(), frame["text"].tolist()), (paths, captions))
        same("pandas: the input's own column", [int(year) for year in frame["year"]], years)
        glob = str(npy / "metadata" / "*.parquet")
        same("polars: metadata", sorted(pl.read_parquet(glob)["image_path"].to_list()), sorted(paths))
        rows = duckdb.sql(f"select count(*), count(distinct image_path) from read_parquet('{glob}')").fetchall()[0]
        same("DuckDB: metadata", rows, (len(photos), len(photos)))

        # What clip-retrieval's index reads a folder with.
        reader = EmbeddingReader(
            embeddings_folder=str(npy / "img_emb"),
            metadata_folder=str(npy / "metadata"),
            meta_columns=["image_path"],
            file_format="parquet_npy",
        )
        pieces = [(vectors.copy(), meta) for vectors, meta in reader(batch_size=3)]
        same("clip-retrieval: count", (reader.count, reader.dimension), (len(photos), state["dim"]))
        read = {path: vector for vectors, meta in pieces for path, vector in zip(meta["image_path"], vectors)}
        same("clip-retrieval: rows", np.stack([read[path] for path in paths]), images)

        half = work / "half"
        embed(table, half, "--output-dtype", "fp16", "--image-column", "image_path")
        small = np.load(half / "img_emb" / "img_emb_0.npy")
        same("numpy: fp16", small, images.astype(np.float16))

        parquet = work / "parquet"
        embed(table, parquet, "--format", "parquet")
        file = str(parquet / "embeddings" / "embeddings_0.parquet")
        dim = state["dim"]
        arrow = pq.read_table(file)
        kind = arrow.schema.field("image_embedding").type
        same("pyarrow: fixed-size list", (pa.types.is_fixed_size_list(kind), kind.list_size), (True, dim))
        flat = arrow["image_embedding"].combine_chunks().flatten().to_numpy().reshape(-1, dim)
        same("pyarrow: vectors", flat, images)
        same("pandas: vectors", np.stack(pd.read_parquet(file)["image_embedding"]), images)
        array = pl.read_parquet(file)["image_embedding"]
        same("polars: Array of the dimension", array.dtype, pl.Array(pl.Float32, dim))
        same("polars: vectors", array.to_numpy(), images)
        same("polars: texts", pl.read_parquet(file)["text_embedding"].to_numpy(), np.asarray(texts))
        query = f"select list_extract(image_embedding, 1)::FLOAT, len(image_embedding) from '{file}'"
        same("DuckDB: vectors", duckdb.sql(query).fetchall(), [(float(row[0]), dim) for row in images])
        query = f"select array_cosine_similarity(image_embedding::FLOAT[{dim}], image_embedding::FLOAT[{dim}]) from '{file}'"
        same("DuckDB: array functions", all(abs(row[0] - 1) < 1e-5 for row in duckdb.sql(query).fetchall()), True)

        jsonl = work / "jsonl"
        embed(table, jsonl, "--format", "jsonl")
        lines = pd.read_json(jsonl / "embeddings" / "embeddings_0.jsonl", lines=True)
        same("pandas: jsonl", np.stack(lines["image_embedding"]).astype(np.float32), images)
    print("all readers agree")


if __name__ == "__main__":
    main()
    # embedding_reader leaves threads that wait for work: the interpreter would wait for them for ever.
    sys.stdout.flush()
    os._exit(0)
