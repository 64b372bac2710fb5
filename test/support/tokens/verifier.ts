import { Verify } from 'node:crypto';
import { type Config, configSchema } from '../../../src/config/schema/config.ts';
import { isRefusal } from '../../../src/core/refusals.ts';
import type { Introspect } from '../../../src/tokens/introspection/introspect.ts';
import { type CompiledIssuers, compileIssuers } from '../../../src/tokens/issuers/compile-issuers.ts';
import type { KeyLog } from '../../../src/tokens/keys/key-log.ts';
import { checkKeys } from '../../../src/tokens/keys/key-set.ts';
import { createKeyStorePool } from '../../../src/tokens/keys/key-store-pool.ts';
import { createTokenVerifier, type LiveTokenVerifier } from '../../../src/tokens/verifier.ts';
import type { TokenOutcome } from '../../../src/tokens/verify-token.ts';
import { type FrozenTime, freezeTime } from '../core/frozen-time.ts';
import type { SigningKey } from './mint.ts';

/** A request that accepts every issuer of the file. */
export const ANY_ISSUER = { accepts: undefined, clientAddress: '192.0.2.1' };

/** A file with these issuers: validated by the schema, defaults and all. Its route is public by default. */
export function fileWithIssuers(issuers: Record<string, unknown>, access: unknown = 'public'): Config {
  return configSchema.parse({
    issuers,
    routes: [{ name: 'r', path: '/', upstream: 'http://127.0.0.1:1', access }],
  });
}

export function compile(
  issuers: Record<string, unknown>,
  folder = '/nowhere',
  access?: unknown,
): CompiledIssuers {
  return compileIssuers(fileWithIssuers(issuers, access), { resolvePath: (path) => `${folder}/${path}` });
}

export interface VerifierShape {
  readonly time?: FrozenTime;
  readonly cacheBytes?: number;
  readonly tokenBytes?: number;
  readonly log?: KeyLog;
  readonly folder?: string;
  /** Stands for the introspection endpoints of the issuers. */
  readonly introspect?: Introspect;
  /** A key set in place of that of every issuer, as `explain --jwks` puts it. */
  readonly keys?: readonly unknown[];
}

/** A verifier over a frozen clock; fails where the issuers do not compile. */
export function verifierOf(issuers: Record<string, unknown>, shape: VerifierShape = {}): LiveTokenVerifier {
  const { time = freezeTime(), cacheBytes = 1024 ** 2, tokenBytes = 16 * 1024, log } = shape;
  const compiled = compile(issuers, shape.folder);
  const errors = compiled.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const { clock, scheduler } = time;
  const pool = createKeyStorePool({ clock, scheduler, random: () => 0.5, env: {}, ...(log && { log }) });
  const sources = compiled.issuers.map((issuer) =>
    shape.keys === undefined
      ? issuer
      : { ...issuer, source: { kind: 'static' as const, checked: checkKeys(shape.keys, issuer.algorithms) } },
  );
  const { introspect } = shape;
  return createTokenVerifier({ issuers: sources, clock, tokenBytes, cacheBytes, pool, introspect });
}

/** `ok`, or the code of the refusal; fails when keys had to be waited for. */
export function codeOf(outcome: TokenOutcome | Promise<TokenOutcome>): string {
  if (outcome instanceof Promise) throw new Error('keys had to be waited for');
  return isRefusal(outcome) ? outcome.code : 'ok';
}

/** Keys in place of a fetch. */
export function inPlace(...keys: readonly SigningKey[]): { readonly keys: readonly unknown[] } {
  return { keys: keys.map(({ jwk }) => jwk) };
}

/** Counts the native checks of RSA and ECDSA signatures from now until the test ends. */
export function countChecks(t: { teardown(undo: () => void): unknown }): () => number {
  const { verify } = Verify.prototype;
  let checks = 0;
  Verify.prototype.verify = function counted(this: Verify, ...inputs: [never, never]) {
    checks += 1;
    return verify.apply(this, inputs);
  };
  t.teardown(() => {
    Verify.prototype.verify = verify;
  });
  return () => checks;
}
