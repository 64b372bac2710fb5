import type { Config } from '../../config/schema/config.ts';
import type { EventRequest } from '../../tokens/events/event-receiver.ts';
import type { KeyRecord } from '../../tokens/keys/key-generation.ts';
import type { ProofUse } from '../../tokens/replay/replay-store.ts';
import type { KnownChange } from '../../tokens/revocation/revocations.ts';
import type { Addresses } from '../engine.ts';

/** What a worker serves. It reads no file itself, so that it can never serve another configuration than the primary. */
export interface WorkerFile {
  readonly config: Config;
  /** What relative paths in the configuration start from. */
  readonly folder: string;
  /** The files that the configuration names, by absolute path. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/** What the primary asks of a worker. */
export type WorkerRequest =
  /** Serve by this file. The reply lists the errors, if there are any. */
  | { readonly ask: 'apply'; readonly file: WorkerFile }
  /** Any reply will do. */
  | { readonly ask: 'alive' }
  | { readonly ask: 'report' }
  | { readonly ask: 'metrics' }
  /** Fetch the keys of this issuer from the primary again. */
  | { readonly ask: 'keys'; readonly issuer: string }
  | RevocationNews
  | { readonly ask: 'drain' }
  /** The reply is `clean` or `cut`; then the worker ends. */
  | { readonly ask: 'end'; readonly graceMs: number };

/** Comes before the worker listens, too. */
export type RevocationNews =
  /** Apply these changes to what is revoked. */
  | { readonly ask: 'revocations'; readonly changes: readonly KnownChange[] }
  /** For how long entries may have been missing in the primary, in milliseconds; undefined where none can be. */
  | { readonly ask: 'revocationsComplete'; readonly silentMs: number | undefined };

/** What a worker asks of the primary. */
export type PrimaryRequest =
  /** The reply is the `WorkerFile` to serve. */
  | { readonly ask: 'file' }
  | { readonly ask: 'listening'; readonly addresses: Addresses }
  /** With the code and the port of an error of the system. */
  | {
      readonly ask: 'failed';
      readonly error: string;
      readonly code?: string | undefined;
      readonly port?: number | undefined;
    }
  /** A worker without keys gets stale ones as well, while they serve. */
  | { readonly ask: 'keysOf'; readonly issuer: string; readonly hasNone: boolean }
  /** The reply is the `ReplayOutcome`. */
  | { readonly ask: 'useProof'; readonly iss: string; readonly use: ProofUse }
  /** The reply is the secret in base64url. */
  | { readonly ask: 'nonceSecret'; readonly iss: string; readonly epoch: number }
  /** From now on the worker is sent changes. The reply is a `RevocationPage` of the active entries. */
  | { readonly ask: 'revocationsFrom'; readonly page: number }
  /** A logout token or security event. The reply is the `EventReply`. */
  | { readonly ask: 'receiveEvent'; readonly request: EventRequest };

/** Some of the active entries. */
export interface RevocationPage {
  readonly changes: readonly KnownChange[];
  readonly isLast: boolean;
  readonly silentMs: number | undefined;
}

/** The keys of an issuer, or why there are none. */
export type KeyReply = { readonly record: KeyRecord } | { readonly error: string };
