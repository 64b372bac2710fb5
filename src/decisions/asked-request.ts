import type { Via } from '../core/via.ts';
import type { RequestFacts } from '../pipeline/messages/request.ts';

/** A request that another proxy asks about, as that proxy reports it. The proxy is trusted; the request is not. */
export interface AskedRequest {
  readonly via: Via;
  /** `rawHeaders` has one Host, that of the request. */
  readonly facts: RequestFacts;
  /** Its Expect has a value other than 100-continue. */
  readonly hasUnmetExpectation: boolean;
  /**
   * Header fields that the proxy must drop and that no file names: further spellings of the names of identity headers and override
   * headers, and all of `x-sealgate-*`. Lower case.
   */
  readonly spoofed: readonly string[];
}
