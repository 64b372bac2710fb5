import t from 'tap';
import { refuse } from '../../../src/core/refusals.ts';
import {
  decideNow,
  fakeVerifier,
  fileWith,
  gateOf,
  permitOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

const verifier = fakeVerifier({
  good: tokenOf({ sub: 's' }, { scopes: ['read'] }),
  weak: tokenOf({ sub: 's' }),
  foreign: tokenOf({ sub: 's' }, { audiences: ['other'] }),
  nobody: tokenOf({}, { scopes: ['read'] }),
  expired: refuse('token_expired', 'too late'),
});

const access = { scopes: ['read'] };
const identity = { headers: { 'x-user-id': { claim: 'sub', required: true } } };

const result = (gate: Awaited<ReturnType<typeof gateOf>>, path: string, token?: string) =>
  resultOf(
    gate,
    requestOf(`GET ${path}`, ...(token === undefined ? [] : ['Authorization', `Bearer ${token}`])),
  );

t.test('report mode relaxes the access rules and nothing else', async (t) => {
  const gate = await gateOf(fileWith([{ access, identity, mode: 'report' }]), verifier);
  t.equal(result(gate, '/', 'good'), 'allow');
  t.equal(result(gate, '/', 'weak'), 'allow');
  t.equal(result(gate, '/'), 'token_missing');
  t.equal(result(gate, '/', 'unknown'), 'signature_invalid');
  t.equal(result(gate, '/', 'expired'), 'token_expired');
  t.equal(result(gate, '/', 'foreign'), 'audience_mismatch');
  t.equal(result(gate, '/', 'nobody'), 'identity_incomplete');
  t.equal(result(gate, '/a//b', 'good'), 'ambiguous_path');
});

t.test('the permit has what would have been refused', async (t) => {
  const gate = await gateOf(fileWith([{ access, mode: 'report' }]), verifier);
  const permit = (token: string) => permitOf(gate, requestOf('GET /', 'Authorization', `Bearer ${token}`));
  t.match(permit('weak').wouldRefuse, { code: 'insufficient_scope', issuer: 'corp' });
  t.match(permit('weak').wouldRefuse, { code: 'insufficient_scope' }, 'remembered too');
  t.equal(permit('good').wouldRefuse, undefined);
});

t.test('responses name it only where the file asks for that', async (t) => {
  for (const reportHeader of [false, true]) {
    const cors = { origins: ['https://a.example'] };
    const file = fileWith(
      [
        { path: '/a', access },
        { path: '/b', access, cors },
      ],
      { mode: 'report', reportHeader },
    );
    const gate = await gateOf(file, verifier);
    for (const path of ['/a', '/b']) {
      const reported = (token: string) =>
        decideNow(gate, requestOf(`GET ${path}`, 'Authorization', `Bearer ${token}`)).addedHeaders?.includes(
          'x-sealgate-would-refuse',
        ) ?? false;
      t.equal(reported('weak'), reportHeader);
      t.equal(reported('good'), false);
    }
  }
});

t.test('the mode of a route goes before that of the file', async (t) => {
  const gate = await gateOf(
    fileWith(
      [
        { path: '/a', access },
        { path: '/b', access, mode: 'enforce' },
      ],
      { mode: 'report' },
    ),
    verifier,
  );
  t.equal(result(gate, '/a', 'weak'), 'allow');
  t.equal(result(gate, '/b', 'weak'), 'insufficient_scope');
});
