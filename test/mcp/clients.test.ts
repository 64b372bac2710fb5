import t from 'tap';
import { OAuthState, type OAuthStateOptions } from '../../demo/mcp/oauth-state.ts';
import { CLIENTS } from '../../demo/provider/provider.ts';
import { DOCUMENT_CLIENT, startMcpGateway } from '../support/mcp/mcp-gateway.ts';
import { startProviderWithoutIss } from '../support/mcp/provider-without-iss.ts';
import { SDK_CLIENTS } from '../support/mcp/sdk-clients.ts';

const direct = await startMcpGateway(t);
const fronted = await startMcpGateway(t, {
  start: startProviderWithoutIss,
  issuer: {
    oauthProxy: {
      path: '/oauth',
      clientId: CLIENTS.mcp.clientId,
      redirectUris: ['http://127.0.0.1/callback'],
    },
  },
});

const REGISTRATIONS: readonly {
  readonly how: string;
  readonly setup: typeof direct;
  readonly options: OAuthStateOptions;
  readonly clientId: string;
}[] = [
  {
    how: 'a registered client',
    setup: direct,
    options: { client: { client_id: CLIENTS.mcp.clientId } },
    clientId: CLIENTS.mcp.clientId,
  },
  {
    how: 'a client with a metadata document',
    setup: direct,
    options: { clientMetadataUrl: DOCUMENT_CLIENT },
    clientId: DOCUMENT_CLIENT,
  },
  {
    how: 'a client that registers at the front',
    setup: fronted,
    options: {},
    clientId: CLIENTS.mcp.clientId,
  },
];

for (const sdk of SDK_CLIENTS) {
  // SDK 1 refreshes where a wider scope is needed if it can, which cannot help.
  const keepsRefreshToken = !sdk.name.startsWith('SDK 1');

  for (const { how, setup, options, clientId } of REGISTRATIONS) {
    t.test(`${sdk.name}: ${how} finds the provider, logs in and calls tools`, async (t) => {
      const state = new OAuthState(options);
      const { url, gateway, provider, served } = setup;
      const from = served.length;

      const session = await sdk.connect(url, state);

      const publicUrl = url.replace('/mcp', '');
      const expectedIssuer = setup === fronted ? `${publicUrl}/oauth` : provider.issuer;
      t.equal(state.client?.client_id, clientId);
      t.equal(String(state.client?.issuer).replace(/\/$/, ''), expectedIssuer);
      const [authorization] = state.authorizations;
      t.ok(authorization?.href.startsWith(`${expectedIssuer}/`), 'the login is where the metadata points');
      t.match(Object.fromEntries(authorization?.searchParams ?? []), {
        resource: url,
        scope: /^orders:read( offline_access)?$/,
        code_challenge_method: 'S256',
      });
      t.equal(session.protocolVersion, sdk.protocolVersion);

      const who = JSON.parse(await session.call('whoami')) as Record<string, unknown>;
      t.equal(who['x-user-id'], 'alice');
      t.match(who['x-user-scopes'], /^orders:read/);
      t.equal(who.authorization, null, 'the token stays at the gateway');
      t.match(await session.call('orders_search', { text: 'tea' }), /tea/);
      t.equal(await session.prompt('summary'), 'Sum up the orders of today.');
      t.equal(await session.read('orders://open'), '7, 11');
      t.equal(state.authorizations.length, 1, 'one login');

      const hasSession = sdk.protocolVersion < '2026';
      t.equal(session.sessionId !== undefined, hasSession);
      await session.end();
      const lines = served.slice(from);
      t.equal(lines.includes('DELETE stream for alice'), hasSession, 'the session ends at the server');
      t.notOk(
        lines.some((line) => line.includes('nobody')),
        'nothing reaches the server without a caller',
      );
      t.ok(
        gateway.lines.some(({ code }) => code === 'token_missing'),
        'it began with a 401',
      );
    });
  }

  t.test(`${sdk.name}: an access token that no longer holds is refreshed without a login`, async (t) => {
    const state = new OAuthState({ client: { client_id: CLIENTS.mcp.clientId } });
    const session = await sdk.connect(direct.url, state);

    state.spoilAccessToken();

    t.match(await session.call('orders_search', { text: 'tea' }), /tea/);
    t.equal(state.authorizations.length, 1);
    t.equal(state.saved.length, 2);
    await session.end();
  });

  for (const { how, setup, options } of [REGISTRATIONS[0], REGISTRATIONS[2]].flatMap((each) => each ?? [])) {
    t.test(`${sdk.name}: ${how} steps up where a tool needs a wider scope`, async (t) => {
      const state = new OAuthState({ ...options, keepsRefreshToken });
      const session = await sdk.connect(setup.url, state);
      const from = setup.served.length;

      t.equal(await session.call('orders_cancel', { id: 7 }), 'order 7 is canceled');

      t.equal(state.authorizations.length, 2);
      const scope = state.authorizations[1]?.searchParams.get('scope')?.split(' ') ?? [];
      t.ok(scope.includes('orders:read') && scope.includes('orders:write'), 'all that the call needs');
      const calls = setup.served.slice(from).filter((line) => line.includes('orders_cancel'));
      t.same(calls, ['POST tools/call orders_cancel for alice'], 'only the call after it reached the server');
      t.equal(await session.read('orders://order/7'), 'order 7', 'the wider scope serves further calls');
      t.equal(state.authorizations.length, 2);
      await session.end();
    });
  }

  t.test(
    `${sdk.name}: lists have what the caller may use, and a denied tool asks for no consent`,
    async (t) => {
      const state = new OAuthState({ client: { client_id: CLIENTS.mcp.clientId }, keepsRefreshToken });
      const session = await sdk.connect(direct.url, state);
      const from = direct.served.length;

      t.same(await session.tools(), ['orders_search', 'whoami']);
      t.same(await session.prompts(), ['summary']);
      t.same(await session.resources(), ['orders://open']);
      t.same(await session.templates(), []);

      await t.rejects(session.call('admin_purge'), /mcp_denied|403/);
      t.equal(state.authorizations.length, 1, 'no consent would help');
      t.notOk(direct.served.slice(from).some((line) => line.includes('admin_purge')));

      await session.call('orders_cancel', { id: 7 });
      t.same(await session.tools(), ['orders_search', 'orders_cancel', 'whoami']);
      t.same(await session.templates(), ['orders://order/{id}']);
      await session.end();
    },
  );
}

t.test(
  'a client that forgets earlier scopes uses two tools in turn where challenges are cumulative',
  async (t) => {
    const sdk1 = SDK_CLIENTS.find(({ name }) => name.startsWith('SDK 1'));
    if (sdk1 === undefined) throw new Error('SDK 1 is missing');
    const whoami = { scopes: ['orders:audit'] };
    const logins = async (challenge: 'needed' | 'cumulative') => {
      const { url } = await startMcpGateway(t, { whoami, resource: { challenge } });
      const client = { client_id: CLIENTS.mcp.clientId };
      const state = new OAuthState({ client, keepsRefreshToken: false });
      const session = await sdk1.connect(url, state);
      for (const name of ['orders_cancel', 'whoami', 'orders_cancel', 'whoami'])
        await session.call(name, { id: 7 });
      await session.end();
      return state.authorizations.length;
    };

    t.equal(await logins('needed'), 1 + 4, 'a login for each call');
    t.equal(await logins('cumulative'), 1 + 2, 'one for each scope');
  },
);
