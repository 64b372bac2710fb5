import { scalar } from '../../openapi/write/yaml-text.ts';
import { PROVIDERS } from './providers.ts';
import type { Replies } from './replies.ts';

/** The text of a first file: commented, with tests that pass. */
export function starterFile(replies: Replies, schema: string): string {
  const { provider, keys, audience, upstream, repository } = replies;
  const issuerLines = Object.entries(keys).map(([key, value]) =>
    typeof value === 'object' ? `${key}: [${value.map(scalar).join(', ')}]` : `${key}: ${scalar(value)}`,
  );
  const rule = repository === undefined ? undefined : `{ repository: ${scalar(repository)} }`;
  const [tenant] = keys.tenants ?? [];
  const claims = tenant === undefined ? rule : `{ tid: ${scalar(tenant)} }`;
  const access = rule === undefined ? 'authenticated' : `{ claims: ${rule} }`;
  const more = claims === undefined ? '' : `, claims: ${claims}`;
  const token = `{ issuer: main${more} }`;
  const otherToken = `{ issuer: main, audiences: [https://another-api.example]${more} }`;
  return `# yaml-language-server: $schema=${schema}
#
# Sealgate: which tokens count, which requests they open, and where these go.
# After a change: \`sealgate check\`. A running gateway takes it over on SIGHUP.

listen:
  host: 127.0.0.1 # 0.0.0.0 to accept other machines
  port: 8080

# Health, metrics and the status page. Keep it on this machine or a private network.
admin:
  host: 127.0.0.1
  port: 9090

# Who issues the tokens: ${PROVIDERS[provider].title}.
issuers:
  main:
${issuerLines.map((line) => `    ${line}\n`).join('')}    # Tokens made for another API are refused.
    audiences: [${scalar(audience)}]
${AUDIENCE_COMMENTS[provider] ?? ''}
# Where allowed requests go. Backends learn who calls from x-user-id, x-user-issuer and x-user-scopes, which clients
# cannot send themselves.
upstreams:
  api:
    url: ${scalar(upstream)}

# A path includes everything below it; the most specific path decides, in whatever order they are written.
# What no route covers is refused.
routes:
${repository === undefined ? '  # Everything, for anyone with a valid token.' : '  # Everything, for the workflows of one repository. Without this rule, any workflow of anybody could call.'}
  - name: api
    path: /
    upstream: api
    access: ${access}

  # Only with a certain scope:
  # - name: write-orders
  #   path: /orders
  #   methods: [POST, PUT, PATCH, DELETE]
  #   upstream: api
  #   access: { scopes: [orders:write] }

  # Without a token:
  # - { name: health, path: /healthz, exact: true, upstream: api, access: public }

# \`sealgate check\` runs these, and a reload that would fail one is refused. Their tokens are made up for the test.
tests:
  - name: a valid token opens the API
    token: ${token}
    request: GET /
    expect: allow
  - name: nobody gets in without a token
    request: GET /
    expect: token_missing
  - name: a token for another API does not count
    token: ${otherToken}
    request: GET /
    expect: audience_mismatch
${
  repository === undefined
    ? ''
    : `  - name: another repository does not count
    token: { issuer: main, claims: { repository: another/repository } }
    request: GET /
    expect: claim_mismatch
`
}`;
}

const AUDIENCE_COMMENTS: Readonly<Partial<Record<Replies['provider'], string>>> = {
  auth0: '    # Clients must ask for it (`audience`), or Auth0 gives them a token that is no JWT.\n',
  keycloak: '    # Keycloak names it only where the client has an audience mapper for it.\n',
  cognito: '    # Access tokens of Cognito have no `aud`: this is compared with `client_id`.\n',
  'google-iap': '    # The token comes in x-goog-iap-jwt-assertion.\n',
  'cloudflare-access': '    # The token comes in cf-access-jwt-assertion.\n',
  google:
    '    # Any Google account can log in there: add `claims: { hd: example.com }` to a route for one organization.\n',
};
