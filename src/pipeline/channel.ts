import type { Load } from './ordered.js';

/**
 * A bounded queue between one producer and one consumer: `push` waits while it is full, which is by the number of items
 * or by what they weigh together.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  readonly #load: Load<T> | null;
  #weight = 0;
  #ended = false;
  #error: { readonly thrown: unknown } | null = null;
  #wake: (() => void)[] = [];

  constructor(capacity: number, load: Load<T> | null = null) {
    this.#capacity = capacity;
    this.#load = load;
  }

  get #isFull(): boolean {
    return this.#items.length >= this.#capacity || (this.#load !== null && this.#weight >= this.#load.most);
  }

  #weigh(item: T): number {
    return this.#load === null ? 0 : this.#load.weigh(item);
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves to false once the channel has ended: nobody will read the item. */
  async push(item: T): Promise<boolean> {
    while (this.#isFull && !this.#ended) await this.#changed();
    if (this.#ended) return false;
    this.#items.push(item);
    this.#weight += this.#weigh(item);
    this.#notify();
    return true;
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  fail(thrown: unknown): void {
    this.#error ??= { thrown };
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const item = this.#items.shift();
        if (item !== undefined) {
          this.#weight -= this.#weigh(item);
          this.#notify();
          yield item;
        } else if (this.#error !== null) {
          throw this.#error.thrown;
        } else if (this.#ended) {
          return;
        } else {
          await this.#changed();
        }
      }
    } finally {
      this.end();
    }
  }
}
