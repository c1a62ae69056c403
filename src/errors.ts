/** What went wrong, for programs: a closed list. `status` is for HTTP, `exit` for the command line. */
const CODES = {
  BAD_OPTION: { status: 400, exit: 2 },
  BAD_INPUT: { status: 400, exit: 2 },
  DIMENSION_MISMATCH: { status: 400, exit: 2 },
  INPUT_NOT_FOUND: { status: 404, exit: 3 },
  INPUT_UNREADABLE: { status: 422, exit: 3 },
  IMAGE_EMPTY: { status: 422, exit: 3 },
  IMAGE_TRUNCATED: { status: 422, exit: 3 },
  IMAGE_CORRUPT: { status: 422, exit: 3 },
  IMAGE_TOO_LARGE: { status: 413, exit: 3 },
  IMAGE_UNSUPPORTED: { status: 415, exit: 3 },
  IMAGE_SIZE: { status: 422, exit: 3 },
  IMAGE_TIMEOUT: { status: 422, exit: 3 },
  TEXT_TOO_LONG: { status: 422, exit: 3 },
  MODEL_NOT_FOUND: { status: 404, exit: 1 },
  MODEL_INVALID: { status: 422, exit: 1 },
  MODEL_UNSUPPORTED: { status: 422, exit: 1 },
  DOWNLOAD_FAILED: { status: 502, exit: 1 },
  SESSION_FAILED: { status: 500, exit: 1 },
  DEVICE_UNAVAILABLE: { status: 500, exit: 1 },
  KERNEL_UNAVAILABLE: { status: 500, exit: 1 },
  NATIVE_MISSING: { status: 500, exit: 1 },
  OUTPUT_BUSY: { status: 409, exit: 1 },
  OUTPUT_EXISTS: { status: 409, exit: 1 },
  OUTPUT_FAILED: { status: 500, exit: 1 },
  OUTPUT_INVALID: { status: 422, exit: 1 },
  OUT_OF_MEMORY: { status: 500, exit: 1 },
  CLOSED: { status: 409, exit: 1 },
  ABORTED: { status: 499, exit: 130 },
} as const satisfies Record<string, { status: number; exit: number }>;

export type ErrorCode = keyof typeof CODES;

/** All codes, with the HTTP status and the exit code each one maps to. */
export const errorCodes: Readonly<Record<ErrorCode, { readonly status: number; readonly exit: number }>> =
  CODES;

/**
 * Every error that a user can cause. `code` is for programs, `message` names the input, what was expected
 * and what came, and says what to do.
 */
export class DiptychError extends Error {
  override readonly name = 'DiptychError';
  readonly code: ErrorCode;
  /** Which file, URL, option or row. */
  readonly input: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions & { input?: string } = {}) {
    super(options.input === undefined ? message : `${options.input}: ${message}`, options);
    this.code = code;
    this.input = options.input;
  }

  get exitCode(): number {
    return CODES[this.code].exit;
  }

  get status(): number {
    return CODES[this.code].status;
  }
}

/** The operating system's code of a thrown error (ENOENT, ...). Works on errors of another realm, as Jest's, too. */
export function systemCode(thrown: unknown): string | null {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' ? thrown.code : null;
}

/** What a thrown value says. */
export function messageOf(thrown: unknown): string {
  const message: unknown =
    typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : null;
  return typeof message === 'string' ? message : String(thrown);
}

const isErrorCode = (code: string | null): code is ErrorCode => code !== null && Object.hasOwn(CODES, code);

/**
 * The same error whatever was thrown: a DiptychError stays as it is, an error of the addon keeps its code (one of
 * ours), anything else is wrapped with `code`.
 */
export function toDiptychError(thrown: unknown, code: ErrorCode, input?: string): DiptychError {
  if (thrown instanceof DiptychError) return thrown;
  const own = systemCode(thrown);
  const options = input === undefined ? { cause: thrown } : { cause: thrown, input };
  return new DiptychError(isErrorCode(own) ? own : code, messageOf(thrown), options);
}

/** What of an error is told from one thread to another. */
export interface ErrorParts {
  readonly code: ErrorCode;
  readonly message: string;
  readonly input: string | undefined;
}

/** The error as it was thrown in another thread: its message already begins with the input. */
export function restoredError({ code, message, input }: ErrorParts): DiptychError {
  if (input === undefined) return new DiptychError(code, message);
  const prefix = `${input}: `;
  const own = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  return new DiptychError(code, own, { input });
}

/** Throws the signal's abort as a DiptychError with code ABORTED. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new DiptychError('ABORTED', 'the operation was aborted by its signal', { cause: signal.reason });
  }
}
