import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { classificationMetrics, meanAveragePrecision } from '#diptych/tasks/metrics.js';
import { benchmarkMetrics, retrievalFromScores, retrievalMetrics } from '#diptych/tasks/retrieval.js';
import { local } from '../../support/fixtures.js';

interface Golden {
  readonly classification: {
    rows: number;
    classes: number;
    scores: number[];
    labels: number[];
    acc1: number;
    acc5: number | null;
    mean_per_class_recall: number;
    confusion: number[];
    recall: (number | null)[];
    precision: (number | null)[];
  }[];
  readonly multilabel: {
    rows: number;
    classes: number;
    scores: number[];
    targets: number[];
    mean_average_precision: number;
    per_class: number[];
  }[];
  readonly retrieval: {
    images: number;
    texts: number;
    owner: number[];
    scores: number[];
    metrics: Record<string, number>;
  }[];
  readonly pairs: {
    pairs: number;
    dim: number;
    images: number[];
    texts: number[];
    metrics: Record<string, number>;
  }[];
}

const golden = JSON.parse(readFileSync(join(local, 'tasks', 'metrics.json'), 'utf8')) as Golden;

describe("classification metrics are CLIP_benchmark's and scikit-learn's", () => {
  test.each(
    golden.classification.map((one) => [`${String(one.rows)} x ${String(one.classes)}`, one] as const),
  )('%s', (_, one) => {
    const scores = { data: Float32Array.from(one.scores), rows: one.rows, columns: one.classes };
    const metrics = classificationMetrics(scores, one.labels);
    expect(metrics.acc1).toBeCloseTo(one.acc1, 12);
    if (one.acc5 === null) expect(metrics.acc5).toBeNull();
    else expect(metrics.acc5).toBeCloseTo(one.acc5, 12);
    expect(metrics.meanPerClassRecall).toBeCloseTo(one.mean_per_class_recall, 12);
    expect(Array.from(metrics.confusion)).toEqual(one.confusion);
    expect(metrics.perClass.map(({ recall }) => recall)).toEqual(one.recall);
    expect(metrics.perClass.map(({ precision }) => precision)).toEqual(one.precision);
    expect(metrics.ece).toBeNull();
  });
  test.each(golden.multilabel.map((one) => [one.classes, one] as const))(
    'several labels, %d classes',
    (_, one) => {
      const scores = { data: Float64Array.from(one.scores), rows: one.rows, columns: one.classes };
      const { meanAveragePrecision: mean, perClass } = meanAveragePrecision(scores, one.targets);
      expect(mean).toBeCloseTo(one.mean_average_precision, 6);
      perClass.forEach((ap, at) => {
        expect(ap).toBeCloseTo(one.per_class[at] ?? NaN, 6);
      });
    },
  );
});

describe('retrieval', () => {
  test.each(
    golden.retrieval.map(
      (one) => [`${String(one.texts)} texts of ${String(one.images)} images`, one] as const,
    ),
  )("%s: CLIP_benchmark's recalls", (_, one) => {
    const scores = { data: Float32Array.from(one.scores), rows: one.texts, columns: one.images };
    const found = benchmarkMetrics(retrievalFromScores(scores, one.owner));
    for (const [name, value] of Object.entries(one.metrics)) expect(found[name]).toBeCloseTo(value, 6);
  });
  test.each(golden.pairs.map((one) => [one.pairs, one] as const))(
    "%d pairs: open_clip's ranks",
    async (pairs, one) => {
      const images = { data: Float32Array.from(one.images), rows: pairs, dim: one.dim };
      const texts = { data: Float32Array.from(one.texts), rows: pairs, dim: one.dim };
      const found = await retrievalMetrics(
        images,
        texts,
        Array.from({ length: pairs }, (_, at) => at),
      );
      for (const [name, side] of [
        ['image_to_text', found.textRetrieval],
        ['text_to_image', found.imageRetrieval],
      ] as const) {
        expect(side.meanRank).toBeCloseTo(one.metrics[`${name}_mean_rank`] ?? NaN, 9);
        expect(side.medianRank).toBe(one.metrics[`${name}_median_rank`]);
        for (const k of [1, 5, 10])
          expect(side.recall[k]).toBeCloseTo(one.metrics[`${name}_R@${String(k)}`] ?? NaN, 12);
      }
    },
  );
});
