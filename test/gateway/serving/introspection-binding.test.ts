import t from 'tap';
import { CLIENT, OTHER_CLIENT, startBoundGateway } from '../../support/dpop/bound-gateway.ts';
import { thumbprint } from '../../support/tokens/proof.ts';
import { openEndpoint, sendJson } from '../../support/tokens/scripted-endpoint.ts';

t.test('an introspected token is bound by the `cnf` of the response, as a JWT is by its own', async (t) => {
  let cnf: unknown;
  const endpoint = await openEndpoint((_, response) =>
    sendJson(response, { active: true, aud: 'api', sub: 'alice', cnf }),
  );
  t.teardown(() => endpoint.close());
  const { ask } = await startBoundGateway(t, {
    change: ({ issuers }) => {
      Object.assign(issuers.corp as object, {
        jwks: 'none',
        introspection: { url: endpoint.url, auth: { clientId: 'g', clientSecret: 's' } },
      });
    },
  });
  const jkt = thumbprint(CLIENT);
  const rows: readonly [cnf: unknown, asked: Parameters<typeof ask>[0], code: string][] = [
    [{ jkt }, {}, 'allow'],
    [{ jkt }, { key: OTHER_CLIENT }, 'dpop_proof_invalid'],
    [{ jkt }, { scheme: 'Bearer', proofs: [] }, 'token_bound'],
    [{ 'x5t#S256': 'A'.repeat(43) }, { scheme: 'Bearer', proofs: [] }, 'token_bound'],
    [{ kid: 'x' }, { scheme: 'Bearer', proofs: [] }, 'token_bound'],
    [{}, { scheme: 'Bearer', proofs: [] }, 'token_bound'],
    [undefined, {}, 'binding_required'],
    [undefined, { scheme: 'Bearer', proofs: [] }, 'allow'],
  ];
  for (const [index, [bound, asked, code]] of rows.entries()) {
    cnf = bound;
    const token = `opaque-${index}`;
    for (const when of ['first', 'kept']) {
      const { status, code: got } = await ask({ ...asked, token });
      t.equal(status === 200 ? 'allow' : got, code, `${JSON.stringify(bound)}, ${when}`);
    }
    t.equal(endpoint.requests.length, index + 1, 'asked about once');
  }
});
