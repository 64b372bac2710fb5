import type { Refusal } from '../../core/refusals.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { Claims } from '../verified-token.ts';

/** What an introspection endpoint responded: one JSON object with one reading. Nothing in it is validated. */
export interface IntrospectionResponse {
  readonly json: Claims;
  /** Of its text. */
  readonly bytes: number;
}

/** One question about one token. */
export interface IntrospectionQuestion {
  readonly issuer: CompiledIssuer;
  readonly rawToken: string;
  /** Whose request makes the gateway ask; undefined where nobody sent it. */
  readonly clientAddress: string | undefined;
}

/** Asks a provider about a token, or whatever stands for it. Never rejects: a refusal is why there is no response. */
export type Introspect = (question: IntrospectionQuestion) => Promise<IntrospectionResponse | Refusal>;
