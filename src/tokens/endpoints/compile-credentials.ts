import type { ConfigPath, PathProblem } from '../../config/problem.ts';
import { error } from '../../config/rules/rule.ts';
import type { ClientAuthConfig } from '../../config/schema/issuers/client-auth.ts';
import { isKeyPair, NO_PAIR } from '../../core/pem.ts';
import { readAssertionKey } from './assertion-key.ts';
import type { ClientCredentials } from './client-credentials.ts';

export interface CompileCredentialsOptions {
  /** Of `auth`. */
  readonly path: ConfigPath;
  /** The text of a file that the configuration names at a path; undefined after a reported problem. */
  readonly read: (file: string, at: ConfigPath) => string | undefined;
  readonly report: (problem: PathProblem) => void;
}

/** Reads what `auth` names, and checks that it can be used. Undefined after a reported problem. */
export function compileCredentials(
  auth: ClientAuthConfig,
  { path, read, report }: CompileCredentialsOptions,
): ClientCredentials | undefined {
  const { clientId, clientSecret, method = 'basic', privateKey, tls } = auth;
  if (clientSecret !== undefined) return { kind: 'secret', clientId, clientSecret, method };
  if (privateKey !== undefined) {
    const place = [...path, 'privateKey'];
    const text = read(privateKey, place);
    if (text === undefined) return undefined;
    const key = readAssertionKey(text);
    if (!('flaw' in key)) return { kind: 'key', clientId, key };
    report(error(place, key.flaw, { hint: key.hint }));
    return undefined;
  }
  if (tls === undefined) return undefined;
  const cert = read(tls.cert, [...path, 'tls', 'cert']);
  const key = read(tls.key, [...path, 'tls', 'key']);
  if (cert === undefined || key === undefined) return undefined;
  if (isKeyPair({ cert, key })) return { kind: 'tls', clientId, cert, key };
  report(error([...path, 'tls'], NO_PAIR));
  return undefined;
}
