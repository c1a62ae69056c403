/** JSON values that travel between the runner and the processes it measures. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Params = Readonly<Record<string, Json>>;

/** Which process does the work: every subject, ours included, runs in a process of its own. */
export type HostPlan =
  | { readonly kind: 'diptych'; readonly kernel?: string; readonly threads?: number }
  | { readonly kind: 'node'; readonly peer: string; readonly threads?: number }
  | { readonly kind: 'python'; readonly peer: string; readonly threads?: number };

/**
 * own: Diptych; peer: another engine; limit: what the machine or a single stage of ours can do at best; control: the
 * reference loop, which tells two runs how fast the machine itself was (in records, not in tables).
 */
export type Role = 'own' | 'peer' | 'limit' | 'control';

export interface SubjectPlan {
  /** Name in tables; unique within the case. */
  readonly name: string;
  readonly role: Role;
  readonly host: HostPlan;
  /** Name of the job in its host, and what it is opened with. */
  readonly job: string;
  readonly params: Params;
  /** Units of work in one iteration, when it differs from the case's. */
  readonly work?: number;
  /** Unit, when it differs from the case's (limits: GFLOP/s beside images/s). */
  readonly unit?: string;
  /**
   * What the correctness check must find. same: as the reference within the check's tolerance, else the case
   * fails; noted: its distance from the reference is printed; skip: there is nothing to compare.
   */
  readonly expect: 'same' | 'noted' | 'skip';
}

/** How outputs are compared before anything is timed. */
export type Check =
  | { readonly kind: 'exact'; readonly reference: string }
  | { readonly kind: 'close'; readonly reference: string; readonly tolerance: number }
  /** Rows of indices: the share of equal entries must be at least `agreement`. */
  | { readonly kind: 'indices'; readonly reference: string; readonly agreement: number };

/** A ratio that is reported, with the value that the project holds itself to where there is one. */
export interface Bar {
  readonly text: string;
  readonly of: string;
  readonly over: string;
  /** rate: of is that many times as fast as over; time: of takes that many times as long as over. */
  readonly quantity: 'rate' | 'time';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Share of a limit: rate(subject) x cost / rate(limit), for the own and peer subjects of the case. */
export interface LimitPlan {
  readonly subject: string;
  /** Units of the limit that one unit of the case costs (FLOP per pair, bytes per row, or 1). */
  readonly cost: number;
  readonly text: string;
  /** Only these subjects, or all but these (threads other than the limit's). Default: all. */
  readonly of?: readonly string[];
  readonly except?: readonly string[];
  /** The least share that a subject is held to, by its name. */
  readonly atLeast?: Readonly<Record<string, number>>;
}

export interface CasePlan {
  readonly suite: string;
  readonly name: string;
  readonly unit: string;
  /**
   * rate: units per second, higher is better; seconds: of one iteration, lower is better; value: a number
   * that the job itself reports (megabytes), lower is better.
   */
  readonly quantity: 'rate' | 'seconds' | 'value';
  /** Units of work in one iteration. */
  readonly work: number;
  readonly subjects: readonly SubjectPlan[];
  readonly check: Check | null;
  readonly bars: readonly Bar[];
  readonly limits: readonly LimitPlan[];
  /** Fewer samples suffice where one takes seconds. */
  readonly maxSamples?: number;
  /** Inputs that are not measured, and why: listed with the engines that are absent. */
  readonly leftOut?: readonly { readonly subject: string; readonly reason: string }[];
}

export interface BenchSettings {
  /** smoke: seconds in all, for correctness only; its figures mean nothing. */
  readonly smoke: boolean;
  /** Seconds that each subject is measured for at least. */
  readonly seconds: number;
  readonly minSamples: number;
  /** One sample lasts at least this long; short work is repeated within it. */
  readonly sampleMs: number;
  readonly threads: number;
  /** The user's own model and photos in place of the bundled ones. */
  readonly model: string | null;
  readonly images: string | null;
  readonly peers: boolean;
  /** Scratch folder for generated inputs and outputs under check. */
  readonly scratch: string;
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  /** The cases, with their input files generated where needed. */
  readonly plan: (settings: BenchSettings) => Promise<readonly CasePlan[]>;
}
