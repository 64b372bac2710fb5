import { hash } from 'node:crypto';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Step, Trace } from '../../core/trace.ts';
import type { CompiledIssuer, IntrospectionSettings } from '../compiled-issuer.ts';
import type { CallCacheStats } from '../endpoints/call-stats.ts';
import { describeLifetime, type Lifetime, validateLifetime } from '../jwt/validate-lifetime.ts';
import { markReused } from '../token-memo.ts';
import type { Claims, VerifiedToken } from '../verified-token.ts';
import type { TokenOutcome } from '../verify-token.ts';
import { compareWithToken } from './compare-with-token.ts';
import type { Introspect, IntrospectionResponse } from './introspect.ts';
import { type ActiveEntry, createResponseCache, type Moment, type RefusedEntry } from './response-cache.ts';
import { validateActive, validateOrigin, validateResponse } from './validate-response.ts';

/** Introspects the tokens of one issuer, and keeps for a while what the provider stated. */
export interface Introspector {
  /** A promise only where the provider must be asked. `jwt` is the token where it is a JWT that held. */
  introspect(token: PresentedForIntrospection): TokenOutcome | Promise<TokenOutcome>;
  cacheStats(): CallCacheStats;
}

export interface PresentedForIntrospection {
  readonly rawToken: string;
  readonly clientAddress: string | undefined;
  readonly jwt: VerifiedToken | undefined;
  readonly trace: Trace | undefined;
}

export interface IntrospectorOptions {
  readonly issuer: CompiledIssuer;
  readonly settings: IntrospectionSettings;
  readonly introspect: Introspect;
  readonly clock: Clock;
  readonly monotonicMs: () => number;
}

/** A response after it was validated. */
interface Held {
  /** Undefined for a JWT. */
  readonly token: VerifiedToken | undefined;
  readonly lifetime: Lifetime | undefined;
  /** `exp` in milliseconds, without tolerance; infinite without one. */
  readonly expiresMs: number;
  readonly bytes: number;
}

const HELD_JWT: Held = {
  token: undefined,
  lifetime: undefined,
  expiresMs: Number.POSITIVE_INFINITY,
  bytes: 0,
};

/** Makes it. One per issuer and configuration, so that nothing kept serves another issuer or other rules. */
export function createIntrospector(options: IntrospectorOptions): Introspector {
  const { issuer, settings, introspect, clock, monotonicMs } = options;
  const cache = createResponseCache(settings.maxBytes);
  /** By digest: those that ask about a token meanwhile join. */
  const running = new Map<string, Promise<Held | Refusal>>();
  let hits = 0;
  let misses = 0;

  const now = (): Moment => ({ ms: clock(), mono: monotonicMs() });

  function introspectToken(presented: PresentedForIntrospection): TokenOutcome | Promise<TokenOutcome> {
    const { rawToken, jwt, trace } = presented;
    // A SHA-256, so that no token is kept in memory; a byte a character, its shortest text.
    const digest = hash('sha256', rawToken, 'binary');
    const entry = cache.find(digest, now());
    if (entry !== undefined) {
      hits += 1;
      const known = reuse(entry, jwt);
      trace?.add(describeKnown(known, 'the last response, which is kept'));
      return known;
    }
    misses += 1;
    const joined = running.get(digest);
    if (joined === undefined) return begin(digest, presented).then((held) => outcomeOf(held, jwt, trace));
    return joined.then((held) => {
      trace?.add(describeKnown(held, 'the response to a question that ran'));
      return outcomeOf(held, jwt, trace);
    });
  }

  function reuse(entry: ActiveEntry | RefusedEntry, jwt: VerifiedToken | undefined): TokenOutcome {
    if (entry.kind === 'refused') return entry.refusal;
    const { token, lifetime } = entry;
    if (token === undefined || lifetime === undefined) return jwt as VerifiedToken;
    return validateLifetime(lifetime, clock(), issuer.name) ?? token;
  }

  function begin(digest: string, presented: PresentedForIntrospection): Promise<Held | Refusal> {
    // The response is as old as the question.
    const asked = now();
    const question = ask(presented)
      .then((held) => {
        keep(digest, held, asked);
        return held;
      })
      .finally(() => running.delete(digest));
    running.set(digest, question);
    return question;
  }

  async function ask({
    rawToken,
    clientAddress,
    jwt,
    trace,
  }: PresentedForIntrospection): Promise<Held | Refusal> {
    const response = await introspect({ issuer, rawToken, clientAddress });
    const refusal = isRefusal(response) ? response : validateActive(response.json, issuer);
    trace?.add({
      step: 'introspection',
      ok: refusal === undefined,
      expected: 'active',
      got: refusal === undefined ? 'active' : refusal.reason,
    });
    if (isRefusal(response)) return response;
    return refusal ?? hold(response, jwt, trace);
  }

  function hold(
    { json, bytes }: IntrospectionResponse,
    jwt: VerifiedToken | undefined,
    trace: Trace | undefined,
  ): Held | Refusal {
    if (jwt !== undefined) return holdJwt(json, jwt, trace);
    const validated = validateResponse(json, issuer, trace);
    if (isRefusal(validated)) return validated;
    return { ...validated, expiresMs: validated.lifetime.expiresMs - issuer.clockToleranceMs, bytes };
  }

  /** Its own claims have been validated, and they are checked at each use. */
  function holdJwt(json: Claims, jwt: VerifiedToken, trace: Trace | undefined): Held | Refusal {
    const foreign = validateOrigin(json, issuer, { cnf: json.cnf ?? jwt.claims.cnf, trace });
    if (foreign !== undefined) return foreign;
    const different = compareWithToken(json, jwt, issuer);
    trace?.add({
      step: 'agreement',
      ok: different === undefined,
      expected: 'nothing else than the token',
      ...(different && { got: different.reason }),
    });
    return different ?? HELD_JWT;
  }

  function outcomeOf(
    held: Held | Refusal,
    jwt: VerifiedToken | undefined,
    trace: Trace | undefined,
  ): TokenOutcome {
    if (isRefusal(held)) return held;
    const { token, lifetime } = held;
    if (token === undefined || lifetime === undefined) return jwt as VerifiedToken;
    const nowMs = clock();
    const untimely = validateLifetime(lifetime, nowMs, issuer.name);
    trace?.add({
      step: 'times',
      ok: untimely === undefined,
      expected: 'a moment in which the token is valid, tolerance included',
      got: describeLifetime(lifetime, nowMs),
      ...(untimely && { note: untimely.reason }),
    });
    return untimely ?? token;
  }

  function keep(digest: string, held: Held | Refusal, asked: Moment): void {
    const refusal = isRefusal(held) ? held : findEnd(held);
    if (refusal !== undefined) {
      // Whatever is at fault there may be well again the next moment.
      if (refusal.code === 'introspection_unavailable' || refusal.code === 'overloaded') return;
      cache.keepRefused(digest, { refusal, until: later(asked, settings.inactiveMs) });
      return;
    }
    const { token, lifetime, expiresMs, bytes } = held as Held;
    const { ms, mono } = later(asked, settings.activeMs);
    const until = { ms: Math.min(ms, expiresMs), mono };
    if (until.ms <= asked.ms) return;
    if (token !== undefined) markReused(token);
    cache.keepActive(digest, { token, lifetime, until }, bytes);
  }

  /** A token that has ended stays so, whatever the provider states. */
  function findEnd({ lifetime }: Held): Refusal | undefined {
    const untimely = lifetime && validateLifetime(lifetime, clock(), issuer.name);
    return untimely?.code === 'token_not_yet_valid' ? undefined : untimely;
  }

  return {
    introspect: introspectToken,
    cacheStats: () => ({ hits, misses, ...cache.stats() }),
  };
}

/** With a trace as without one the provider is asked no more often than it must be: at level `debug` every request has one. */
function describeKnown(outcome: Held | TokenOutcome, source: string): Step {
  const refusal = isRefusal(outcome) ? outcome : undefined;
  return {
    step: 'introspection',
    ok: refusal === undefined,
    expected: 'active',
    got: refusal?.reason ?? 'active',
    note: `by ${source}`,
  };
}

function later({ ms, mono }: Moment, delayMs: number): Moment {
  return { ms: ms + delayMs, mono: mono + delayMs };
}
