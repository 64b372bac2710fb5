import type { Refusal } from '../core/refusals.ts';
import type { IncomingRequest, OutgoingResponse } from '../http/client-messages.ts';
import type { HeaderPairs } from '../http/header-pairs.ts';
import type { UpstreamTimeouts } from './dispatcher.ts';
import type { ResponseHeaderFilter } from './response/response-header-filter.ts';
import type { ResponseTransform } from './response/response-transform.ts';
import type { PrefixChange } from './response/rewrite-location.ts';
import type { Upstream } from './upstream/upstream.ts';

/** The request to the backend, and the fields that its response may not have. Made from a Permit. */
export interface UpstreamRequestPlan {
  readonly method: string;
  /** Path and query towards the backend, without the upstream's own prefix. */
  readonly target: string;
  /** As `buildUpstreamHeaders` made them. */
  readonly headers: HeaderPairs;
  readonly timeouts: Pick<UpstreamTimeouts, 'responseMs' | 'idleMs'>;
  /** Largest body in bytes; `undefined` is no limit. */
  readonly bodyLimit: number | undefined;
  /** Longest gap in the client's body, and in its taking of the response, in milliseconds. */
  readonly bodyIdleMs: number;
  /** Which fields of the response go down. */
  readonly responseHeaderFilter: ResponseHeaderFilter;
  /** What the gateway adds to the response; lower-case names. */
  readonly responseHeaders: HeaderPairs;
  /** Set where the body of the response is changed; else it streams untouched. */
  readonly responseTransform?: ResponseTransform | undefined;
  /** Set where the prefix of the path was replaced: what clients write, and what stands for it below the upstream's own. */
  readonly rewritten: Pick<PrefixChange, 'outside' | 'inside' | 'before' | 'announced'> | undefined;
  /** As the client named it. */
  readonly host: string | undefined;
  /** What a WebSocket agrees to where the backend names no protocol: browsers insist on one of those they offered. */
  readonly socketProtocol?: string | undefined;
}

export interface ForwardResult {
  /** The status that went to the client. */
  readonly status: number;
  /** From dispatch to the head of the response, in milliseconds. */
  readonly upstreamMs: number;
  /** Why the response was broken off after its head; undefined when it went out whole. */
  readonly failure: Refusal | undefined;
}

/** Gets which endpoint a request was sent to, and how it ended: exactly one of the other methods is called, once. */
export interface ForwardObserver {
  /** The request is about to be sent to this address; again for each retry. */
  asked(upstream: Upstream, address: string): void;
  /** Nothing was sent to the client yet: this refusal is to be written, and the rest of the body discarded. */
  refused(refusal: Refusal, upstreamMs: number): void;
  /** The response went out, whole or broken off. */
  finished(result: ForwardResult): void;
  /** The client left before any response. */
  abandoned(upstreamMs: number): void;
}

/** A body that was read already: these bytes go up in place of the request's stream. */
export interface ReadBody {
  /** Undefined once they are released. */
  readonly bytes: Buffer | undefined;
  /** Called once they are no longer needed; again changes nothing. */
  release(): void;
}

export interface ForwardJob {
  readonly plan: UpstreamRequestPlan;
  readonly req: IncomingRequest;
  readonly res: OutgoingResponse;
  readonly upstream: Upstream;
  readonly observer: ForwardObserver;
  /** Default: the body of `req`. */
  readonly body?: ReadBody | undefined;
}
