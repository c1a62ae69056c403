import { limitSubject } from '../limits.js';
import type { CasePlan, SubjectPlan, Suite } from '../types.js';

function limitCase(name: string, subject: SubjectPlan): CasePlan {
  return {
    suite: 'machine',
    name,
    unit: subject.unit ?? '',
    quantity: 'rate',
    work: 1,
    subjects: [subject],
    check: null,
    bars: [],
    limits: [],
  };
}

/** What the machine itself can do: the limits that all other figures are held against. */
export const machineSuite: Suite = {
  name: 'machine',
  title: 'Limits of the machine',
  plan: ({ threads }) => {
    const counts = threads > 1 ? [1, threads] : [1];
    return Promise.resolve(
      counts.flatMap((count) =>
        (['fp32', 'fp32-from-cache', 'int8', 'bf16', 'read'] as const).map((kind) =>
          limitCase(
            `${kind}, ${String(count)} ${count === 1 ? 'thread' : 'threads'}`,
            limitSubject(kind, count),
          ),
        ),
      ),
    );
  },
};
