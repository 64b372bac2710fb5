import { error } from '../../config/rules/rule.ts';
import type { IssuerConfig } from '../../config/schema/config.ts';
import type { IntrospectionSettings } from '../compiled-issuer.ts';
import { compileCredentials } from '../endpoints/compile-credentials.ts';
import type { CompileTools } from './compile-key-source.ts';

/** Reads what introspection needs of files, and puts its settings into the terms of the code. Undefined also after a reported problem. */
export function compileIntrospection(
  written: IssuerConfig['introspection'],
  { report, read }: CompileTools,
): IntrospectionSettings | undefined {
  if (written === undefined) return undefined;
  const credentials = compileCredentials(written.auth, {
    path: ['introspection', 'auth'],
    read: (file, at) => read(file, at.map(String)),
    report,
  });
  const url = written.url === undefined ? undefined : new URL(written.url);
  if (url !== undefined && (url.username !== '' || url.password !== '' || url.hash !== '')) {
    const hint = 'what identifies the gateway stands in `auth`';
    report(error(['introspection', 'url'], 'expected a URL without a user, password or fragment', { hint }));
  }
  if (credentials === undefined) return undefined;
  const { timeout, concurrency, cache, prefix } = written;
  return {
    url,
    credentials,
    timeoutMs: timeout,
    concurrency,
    activeMs: cache.active,
    inactiveMs: cache.inactive,
    maxBytes: cache.maxBytes,
    prefix,
    coversJwts: written.for === 'all',
  };
}
