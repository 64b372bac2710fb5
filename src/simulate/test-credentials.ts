import { randomBytes, randomUUID } from 'node:crypto';
import type { Config, FileTestConfig } from '../config/schema/config.ts';
import { type ClientCertificate, certificateOfFingerprint } from '../http/certificates/client-certificate.ts';
import { makeTestClient, type TestClient } from './mint-proof.ts';
import { makeTestClaims, signTestToken, type TestIssuer } from './mint-test-token.ts';
import type { TestProvider } from './test-provider.ts';

type TestToken = NonNullable<FileTestConfig['token']>;

/** What the client of a test presents. */
export interface TestCredentials {
  readonly rawToken: string;
  /** The client certificate of the request. */
  readonly certificate: ClientCertificate | undefined;
  /** With the key that the token is bound to; undefined where it is bound to none. */
  readonly client: TestClient | undefined;
}

export interface CredentialsContext {
  readonly config: Config;
  readonly nowMs: number;
  readonly provider: TestProvider;
}

/** Makes the token of a test, with what its client needs to use it. */
export async function makeTestCredentials(
  issuer: TestIssuer,
  token: TestToken,
  { config, nowMs, provider }: CredentialsContext,
): Promise<TestCredentials> {
  const { compiled } = issuer;
  const client = token.bound === 'dpop' ? await makeTestClient(compiled) : undefined;
  const certificate = token.bound === 'mtls' ? makeCertificate() : undefined;
  const claims = {
    ...makeTestClaims(compiled, token, { config, nowMs }),
    ...(client && { cnf: { jkt: client.thumbprint } }),
    ...(certificate && { cnf: { 'x5t#S256': certificate.thumbprint } }),
    ...token.claims,
  };
  const rawToken =
    token.introspected === undefined
      ? await signTestToken(issuer, claims)
      : `${compiled.introspection?.prefix ?? ''}test-${randomUUID()}`;
  // A JWT that is introspected too states everything itself.
  provider.state(rawToken, token.introspected === undefined ? {} : claims);
  return { rawToken, certificate, client };
}

/** One that nobody vouches for: only its fingerprint is known. */
function makeCertificate(): ClientCertificate {
  return certificateOfFingerprint(randomBytes(32).toString('hex'));
}
