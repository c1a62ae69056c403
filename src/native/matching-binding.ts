/** Which entries texts contain: see native/bind/matching.cpp. Both calls work on the calling thread. */
export interface MatchingBinding {
  /**
   * `entries` one behind the other, of `lengths` units each. Where betweenSpaces[i] is not 0, entry i matches between two
   * spaces; else wherever it stands.
   */
  matcherCreate(entries: string, lengths: Int32Array, betweenSpaces: Uint8Array): MatcherHandle;
  /** Texts one behind the other, of `lengths` units each: how many entries each contains, and which, ascending. */
  matcherMatch(matcher: MatcherHandle, texts: string, lengths: Int32Array): NativeMatches;
}

declare const tag: unique symbol;
/** What only matcherMatch can read. */
export interface MatcherHandle {
  readonly [tag]: 'matcher';
}

export interface NativeMatches {
  readonly counts: Int32Array;
  readonly ids: Int32Array;
}
