import { opendir } from 'node:fs/promises';
import path from 'node:path';

/** What stands for bytes that are no UTF-8. */
const REPLACEMENT = '\uFFFD';

/**
 * Paths of a folder's entries in bytes. On Linux a name is any bytes, and those that are no UTF-8 (of archives made
 * elsewhere) come as text that leads nowhere: the folder is read again for them.
 */
export class RawNames {
  readonly #folder: string;
  readonly #raw: Buffer | null;
  #names: Map<string, Buffer[]> | null = null;

  /** `raw`: the folder's own path in bytes, where `folder` does not lead there. */
  constructor(folder: string, raw: Buffer | null) {
    this.#folder = folder;
    this.#raw = raw;
  }

  /** Whether an entry can only be reached by {@link pathOf}. */
  isRaw(name: string): boolean {
    return this.#raw !== null || name.includes(REPLACEMENT);
  }

  /** The path of an entry; several that look alike are given one after the other. Null where it has gone. */
  async pathOf(name: string): Promise<Buffer | null> {
    let own: Buffer | undefined = Buffer.from(name);
    if (name.includes(REPLACEMENT)) {
      this.#names ??= await this.#read();
      own = this.#names.get(name)?.shift();
    }
    const folder = this.#raw ?? Buffer.from(this.#folder);
    return own === undefined ? null : Buffer.concat([folder, Buffer.from(path.sep), own]);
  }

  async #read(): Promise<Map<string, Buffer[]>> {
    const names = new Map<string, Buffer[]>();
    // Latin-1 has a character for every byte.
    for await (const entry of await opendir(this.#raw ?? this.#folder, {
      encoding: 'latin1',
      bufferSize: 1024,
    })) {
      const bytes = Buffer.from(entry.name, 'latin1');
      const name = bytes.toString();
      if (name.includes(REPLACEMENT)) names.set(name, [...(names.get(name) ?? []), bytes]);
    }
    for (const alike of names.values()) alike.sort((a, b) => a.compare(b));
    return names;
  }
}
