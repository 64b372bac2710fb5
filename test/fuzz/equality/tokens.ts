import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mint, type SigningKey } from '../../support/tokens/mint.ts';
import { makeProof, type ProofChanges, thumbprint } from '../../support/tokens/proof.ts';

const [certificate, otherCertificate] = ['client', 'stranger'].map((name) => {
  const { raw } = new X509Certificate(
    readFileSync(new URL(`../../fixtures/tls/${name}.crt`, import.meta.url)),
  );
  return raw;
}) as [Buffer, Buffer];

/** Certificates as a field has them (RFC 9440 §2.1), by name. */
const CERTIFICATES = {
  certificate: `:${certificate.toString('base64')}:`,
  otherCertificate: `:${otherCertificate.toString('base64')}:`,
};
const x5t = createHash('sha256').update(certificate).digest('base64url');

/** Tokens of every kind that decisions differ by, by the names that stand for them in generated requests. */
export function mintTokens(
  issuers: { readonly main: string; readonly other: string },
  { key, stranger, client }: Readonly<Record<'key' | 'stranger' | 'client', SigningKey>>,
): Readonly<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  const usual = { iss: issuers.main, aud: 'api', sub: 'ann', iat: now, exp: now + 86_400 };
  const rich = {
    ...usual,
    scope: 'read write admin',
    tenant: 'acme',
    email: 'ann@exämple',
    realm: { roles: ['admin', 'staff'] },
    roles: ['admin'],
    client_id: 'app',
  };
  const good = mint(key, { ...usual, scope: 'read', email: 'ann@mail.example' });
  return {
    good,
    rich: mint(key, rich),
    bob: mint(key, { ...usual, sub: 'bob, "x"', scope: 'write', tenant: 'x/y', roles: 'staff' }),
    chief: mint(key, { ...usual, roles: ['admin'] }),
    strong: mint(key, { ...rich, acr: 'urn:mfa', auth_time: now }),
    stale: mint(key, { ...rich, acr: 'urn:mfa', auth_time: now - 864_000 }),
    weak: mint(key, { ...rich, acr: 'urn:pwd', auth_time: now }),
    bound: mint(key, { ...rich, cnf: { jkt: thumbprint(client) } }),
    certified: mint(key, { ...rich, cnf: { 'x5t#S256': x5t } }),
    twiceBound: mint(key, {
      ...rich,
      cnf: { jkt: thumbprint(client), 'x5t#S256': x5t },
    }),
    oddlyBound: mint(key, { ...rich, cnf: { kid: 'x' } }),
    ...CERTIFICATES,
    bare: mint(key, { ...usual, sub: undefined }),
    long: mint(key, { ...rich, email: 'x'.repeat(1200) }),
    other: mint(key, { ...rich, iss: issuers.other, sub: 'eve' }),
    shop: mint(key, { ...usual, aud: ['shop', 'x'] }),
    elsewhere: mint(key, { ...usual, aud: 'elsewhere' }),
    unknown: mint(key, { ...usual, iss: 'https://unknown.example' }),
    expired: mint(key, { ...usual, iat: now - 7200, exp: now - 3600 }),
    early: mint(key, { ...usual, nbf: now + 3600 }),
    timeless: mint(key, { ...usual, exp: undefined }),
    idToken: mint(key, { ...usual, at_hash: 'x' }),
    forged: `${good.slice(0, -4)}AAAA`,
    stranger: mint(stranger, usual),
    unsigned: mint(key, usual, { alg: 'none' }),
    cut: good.slice(0, 60),
  };
}

type About = Parameters<typeof makeProof>[1];
type Keys = Readonly<Record<'client' | 'stranger', SigningKey>>;

const proofWith =
  (changes: ProofChanges, by: keyof Keys = 'client') =>
  (about: About, keys: Keys): string =>
    makeProof(keys[by], about, changes);

/** Proofs for the request that brings them and the token `bound`, and such that fail, by name. */
export const PROOFS: Readonly<Record<string, (about: About, keys: Keys) => string>> = {
  proof: proofWith({}),
  strangeProof: proofWith({}, 'stranger'),
  oldProof: proofWith({ claims: { iat: Math.floor(Date.now() / 1000) - 3600 } }),
  otherProof: proofWith({ claims: { htu: 'https://admin.example/asked' } }),
  typelessProof: proofWith({ header: { typ: 'JWT' } }),
};
