/** What a source that is at its end, or has an item at hand, needs at most to say so. */
const GRACE_MS = 100;

/** What is asked for, or null once `finish` is aborted and it has not come within the grace. */
function unlessFinished<T>(asked: Promise<T>, finish: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | null = null;
    const onFinish = (): void => {
      timer = setTimeout(resolve, GRACE_MS, null);
    };
    const settled = (): void => {
      finish.removeEventListener('abort', onFinish);
      if (timer !== null) clearTimeout(timer);
    };
    if (finish.aborted) onFinish();
    else finish.addEventListener('abort', onFinish, { once: true });
    asked.then(resolve, reject).finally(settled);
  });
}

/**
 * The same items; but where `finish` is aborted and nothing is open (`isIdle`), a source that has nothing to give is
 * left (`onLeave`): a pipe may stay silent for ever. What is open still waits for its items.
 */
export async function* untilFinish<T>(
  source: AsyncIterable<T>,
  finish: AbortSignal | undefined,
  isIdle: () => boolean,
  onLeave: () => void,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let left = false;
  try {
    for (;;) {
      const asked = iterator.next();
      const next = finish === undefined || !isIdle() ? await asked : await unlessFinished(asked, finish);
      left = next === null;
      if (next === null) onLeave();
      if (next === null || next.done === true) return;
      yield next.value;
    }
  } finally {
    const returned = iterator.return?.();
    if (left) returned?.catch(() => undefined);
    else await returned;
  }
}
