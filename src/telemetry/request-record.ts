import type { Via } from '../core/via.ts';

/** What is known of a request at its end. Everything that reports on requests gets the same record. */
export interface RequestRecord {
  readonly requestId: string;
  readonly method: string;
  /** As sent, without query, cut to 1,024 characters. The only place where a path is logged. */
  readonly path: string;
  readonly status: number;
  /** The name of the route; undefined when none matched. */
  readonly route: string | undefined;
  /** `allow`, or the code of the refusal. */
  readonly code: string;
  readonly reason: string | undefined;
  /** The configured name of the issuer. */
  readonly issuer: string | undefined;
  readonly client: string;
  readonly durationMs: number;
  /** How long the decision took; undefined when none was made. Not in the access line. */
  readonly verificationMs?: number | undefined;
  /** The name of the upstream, and the origin of the endpoint that the request was last sent to. */
  readonly upstream?: string | undefined;
  readonly upstreamAddress?: string | undefined;
  /** From sending the request to the head of the response. */
  readonly upstreamMs: number | undefined;
  readonly subject: string | undefined;
  /** The method of the JSON-RPC message, if MCP defines it. Nothing else of a message is logged. */
  readonly mcpMethod?: string | undefined;
  /** How another proxy asked about it; undefined for what the gateway forwards or serves itself. */
  readonly via?: Via | undefined;
  /** The code with which access rules that only report would have refused; `reason` has the details. */
  readonly wouldRefuse?: string | undefined;
}
