import type { KeyRecord } from '../../tokens/keys/key-generation.ts';

/** What the primary asks of a worker. */
export type WorkerRequest =
  /** Read the file again and serve by it; answered with the errors that kept it from that. */
  | { readonly ask: 'reload' }
  /** Any answer will do. */
  | { readonly ask: 'alive' }
  | { readonly ask: 'report' }
  | { readonly ask: 'metrics' }
  /** Fetch the keys of this issuer anew, from the primary. */
  | { readonly ask: 'keys'; readonly issuer: string }
  | { readonly ask: 'drain' }
  /** Answered with `clean` or `cut`; then the worker ends. */
  | { readonly ask: 'end'; readonly graceMs: number };

/** What a worker asks of the primary. */
export type PrimaryRequest =
  | { readonly ask: 'listening'; readonly url: string }
  | { readonly ask: 'failed'; readonly error: string }
  /** Who has no keys yet is given old ones as well, while they serve. */
  | { readonly ask: 'keysOf'; readonly issuer: string; readonly hasNone: boolean };

/** The keys of an issuer, or why there are none. */
export type KeyReply = { readonly record: KeyRecord } | { readonly error: string };
