import { describe, expect, test } from '@jest/globals';
import { PartPlan } from '#diptych/pipeline/part-plan.js';

describe('part plan', () => {
  test('inputs of one shape fill a part before the next is begun', () => {
    const plan = new PartPlan(2);
    const parts = ['image', 'image', 'image'].map(() => plan.assign('image'));
    expect(parts).toEqual([
      { part: 0, last: false },
      { part: 0, last: true },
      { part: 1, last: false },
    ]);
  });

  test('shapes do not share parts, numbers go by first appearance', () => {
    const plan = new PartPlan(2);
    const shapes = ['text', 'image', 'text', 'pair', 'text', 'image'] as const;
    expect(shapes.map((shape) => plan.assign(shape).part)).toEqual([0, 1, 0, 2, 3, 1]);
  });
});
