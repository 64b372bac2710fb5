import type { Config } from '../config/schema/config.ts';
import { refuse } from '../core/refusals.ts';
import { compileTrustedProxies, type TrustedProxies } from '../http/trusted-proxies.ts';
import type { Gate } from '../pipeline/gate.ts';
import { compileDroppedHeaders, type DroppedHeaders } from './dropped-headers.ts';
import { compileSpoofableNames, type SpoofableNames } from './question-headers.ts';
import { limitsOfQuestions } from './question-limits.ts';
import { compileQuestionReaders } from './read-question.ts';

/** For a peer that none of them is. */
export const NOT_TRUSTED = refuse('proxy_not_trusted', 'the peer is not in decisions.trustedProxies');

/** The decisions of one file for other proxies, compiled. */
export interface Decisions {
  readonly gate: Gate;
  /** The proxies that may ask. */
  readonly trusted: TrustedProxies;
  readonly readers: ReturnType<typeof compileQuestionReaders>;
  readonly names: SpoofableNames;
  /** Where the certificate of the client is, whatever the way of asking. */
  readonly certificate: 'header' | undefined;
  readonly dropped: DroppedHeaders;
  /** Of questions over HTTP. */
  readonly limits: Config['listen']['limits'];
}

/** `gate` is the one for requests that other proxies forward. Undefined where the file has no `decisions`. */
export function compileDecisions(config: Config, gate: Gate): Decisions | undefined {
  if (config.decisions === undefined) return undefined;
  const trusted = compileTrustedProxies(config.decisions.trustedProxies);
  if (trusted === undefined) throw new Error('a file with decisions names the proxies that may ask');
  const credentials = gate.routes.flatMap(({ tokenSources }) =>
    tokenSources.places.filter(({ kind }) => kind === 'header').map(({ name }) => name),
  );
  const { clientCertHeader } = config.listen;
  // The asking proxy sets it for this gateway, and drops it with the token.
  const certificates = clientCertHeader === undefined ? [] : [clientCertHeader.name];
  const names = compileSpoofableNames(config, [...credentials, ...certificates]);
  const certificate = clientCertHeader === undefined ? undefined : 'header';
  return {
    gate,
    trusted,
    names,
    readers: compileQuestionReaders(names, { trusted, certificate }),
    certificate,
    dropped: compileDroppedHeaders(names),
    limits: limitsOfQuestions(config.listen.limits),
  };
}
