import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { readProofJwk, thumbprintOf } from '../../../src/tokens/dpop/proof-key.ts';
import type { DpopPolicy } from '../../../src/tokens/dpop/proof-policy.ts';
import { createVerifyProof } from '../../../src/tokens/dpop/verify-proof.ts';

const POLICY: DpopPolicy = {
  name: 'rfc',
  maxAgeMs: 60_000,
  clockToleranceMs: 30_000,
  algorithms: new Set(['ES256']),
  advertised: ['ES256'],
  issuers: ['https://corp.example'],
  requiresNonce: false,
  replay: { kind: 'memory', maxEntries: 100 },
};

/** RFC 9449 §7.1, figure 12. */
const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const PROOF = [
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik',
  'VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR',
  'nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE',
  'QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj',
  'oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z',
  'WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF',
  'c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E',
  'OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA',
].join('');
/** RFC 9449 §6.1, figure 10. */
const THUMBPRINT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
/** RFC 9449 §4.1, figure 2: for the token endpoint, with the same key. */
const TOKEN_REQUEST_PROOF = [
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik',
  'VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR',
  'nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE',
  'QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj',
  'oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia',
  'WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg',
  '4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg',
].join('');

const REQUEST = { method: 'GET', origin: 'https://resource.example.org', path: '/protectedresource' };
const CHECK = {
  policy: POLICY,
  request: REQUEST,
  rawToken: TOKEN,
  nowMs: 1_562_262_618_000,
  proofs: [PROOF],
  jkt: THUMBPRINT,
};

t.test('the proof of RFC 9449 §7.1 holds for its request, token and key', async (t) => {
  t.match(createVerifyProof()(CHECK), {
    thumbprint: THUMBPRINT,
    jti: 'e1j3V_bKic8-LAEB',
    issuedMs: 1_562_262_618_000,
    lastMs: 1_562_262_678_000,
  });
});

t.test('the proof of RFC 9449 §4.1 holds for no resource: it has no ath', async (t) => {
  const outcome = createVerifyProof()({
    ...CHECK,
    proofs: [TOKEN_REQUEST_PROOF],
    request: { method: 'POST', origin: 'https://server.example.com', path: '/token' },
  });
  t.ok(isRefusal(outcome));
  t.match(outcome, { code: 'dpop_proof_invalid', cause: 'proof_token' });
});

t.test('the thumbprint of RFC 7638 §3.1', async (t) => {
  const n = [
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs',
    'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5haj',
    'rn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  ].join('');
  const members = readProofJwk({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' });
  if (isRefusal(members)) throw new Error(members.reason);
  t.equal(thumbprintOf(members), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});
