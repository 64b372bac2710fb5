/** A request target with exactly one reading (contract §3.1). */
export interface Target {
  /** The path as sent, byte for byte: this is what goes up. */
  readonly path: string;
  /** The query as sent with its `?`, or an empty string. */
  readonly query: string;
  /** The segments of the path after the leading slash, decoded exactly once. `/a/b/` gives `a`, `b`, and an empty last one. */
  readonly segments: readonly string[];
}
