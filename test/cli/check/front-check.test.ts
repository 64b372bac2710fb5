import t from 'tap';
import { folderWith, sealgate } from '../../support/cli/cli.ts';
import { startScriptedProvider } from '../../support/oauth/scripted-provider.ts';

const provider = await startScriptedProvider(t);

interface Reported {
  readonly severity: string;
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** What `check --online` reports of the front. */
async function checkOnline(): Promise<Reported | undefined> {
  const path = await folderWith(
    {
      'gw.yaml': `
listen: { publicUrl: "http://127.0.0.1:1" }
issuers:
  corp:
    issuer: "${provider.url}"
    audiences: ["http://127.0.0.1:1/mcp"]
    oauthProxy: { clientId: c, redirectUris: [https://app.example/callback] }
routes:
  - { name: tools, path: /mcp, upstream: "${provider.url}", resource: true, access: { scopes: [mcp:use] } }
`,
    },
    t,
  );
  const { stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--online', '--format', 'json']);
  const { problems } = JSON.parse(stdout) as { problems: readonly Reported[] };
  return problems.find(({ path }) => path === 'issuers.corp.oauthProxy');
}

t.test('a provider that the front can stand before is a note', async (t) => {
  t.match(await checkOnline(), {
    severity: 'note',
    message: `the front can serve: logins go to ${provider.url}`,
  });
});

t.test('a provider with RFC 9207 is an error', async (t) => {
  provider.metadata = { authorization_response_iss_parameter_supported: true };
  t.match(await checkOnline(), {
    severity: 'error',
    message: /names itself.*RFC 9207/,
    hint: /without `oauthProxy`/,
  });
});

t.test('a provider without a token endpoint is an error', async (t) => {
  provider.metadata = { token_endpoint: undefined };
  t.match(await checkOnline(), {
    severity: 'error',
    message: /the front cannot serve: .*its token_endpoint is missing/,
  });
});
