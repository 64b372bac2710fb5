import type { PRESETS } from '../../config/schema/config.ts';
import { issuer as issuerSchema } from '../../config/schema/issuers/issuers.ts';
import type { Preset } from '../../tokens/issuers/presets/preset.ts';
import { PRESET_TABLE } from '../../tokens/issuers/presets/presets.ts';
import { isAllowedUrl } from '../../tokens/keys/fetch/key-transport.ts';

export type ProviderName = (typeof PRESETS)[number] | 'none';

/** What an issuer of the new file states about its provider. */
export interface IssuerKeys {
  readonly preset?: Exclude<ProviderName, 'none'>;
  readonly issuer?: string;
  readonly tenant?: string;
  readonly tenants?: readonly string[];
  readonly userPool?: string;
  readonly team?: string;
  readonly project?: string;
}

/** What `init` asks about a provider, and what it makes of the replies. */
export interface Provider {
  readonly title: string;
  /** Undefined for providers of which there is only one. */
  readonly issuer:
    | {
        readonly question: string;
        readonly example: string;
        /** The keys for a reply; `findFlaw` shows whether they are right. */
        readonly read: (reply: string) => Omit<IssuerKeys, 'preset'>;
      }
    | undefined;
  readonly audience: {
    readonly question: string;
    readonly example: string;
    /** The usual audience, where the first reply settles it. */
    readonly derive?: (issuerReply: string) => string | undefined;
  };
}

const isUrl = (reply: string): boolean => /^https?:/i.test(reply);

/** The issuer itself, or the one name it is made from. */
function issuerOr(field: 'tenant' | 'userPool' | 'team' | 'project') {
  return (reply: string) => (isUrl(reply) ? { issuer: reply } : { [field]: reply });
}

const asWritten = (reply: string) => ({ issuer: isUrl(reply) ? reply : `https://${reply}` });

const API_AUDIENCE = { question: 'Audience of your API', example: 'https://api.example.com' } as const;

export const PROVIDERS: Readonly<Record<ProviderName, Provider>> = {
  okta: {
    title: 'Okta',
    issuer: {
      question: 'Okta domain, or issuer of your authorization server',
      example: 'https://example.okta.com/oauth2/default',
      read: (reply) => {
        const { issuer } = asWritten(reply);
        return {
          issuer: /^https?:\/\/[^/]+\/?$/i.test(issuer) ? `${trimSlash(issuer)}/oauth2/default` : issuer,
        };
      },
    },
    audience: {
      question: 'Audience of the authorization server',
      example: 'api://default',
      derive: (reply) => (/\/oauth2\/(?!default\/?$)/.test(reply) ? undefined : 'api://default'),
    },
  },
  auth0: {
    title: 'Auth0',
    issuer: {
      question: 'Auth0 domain',
      example: 'example.eu.auth0.com',
      read: (reply) => ({ issuer: `${trimSlash(asWritten(reply).issuer)}/` }),
    },
    audience: { question: 'Identifier of your API in Auth0', example: 'https://api.example.com' },
  },
  keycloak: {
    title: 'Keycloak',
    issuer: {
      question: 'Issuer of your realm',
      example: 'https://keycloak.example.com/realms/example',
      read: (reply) => ({ issuer: trimSlash(asWritten(reply).issuer) }),
    },
    audience: { question: 'Audience that a mapper adds for your API', example: 'orders-api' },
  },
  cognito: {
    title: 'Amazon Cognito',
    issuer: {
      question: 'Id of the user pool',
      example: 'eu-central-1_a1b2c3d4e',
      read: issuerOr('userPool'),
    },
    audience: { question: 'Id of the app client that calls the API', example: '4q3bl2l0cr1p3tm4ster5h0e9k' },
  },
  entra: {
    title: 'Microsoft Entra ID, one tenant',
    issuer: {
      question: 'Tenant id',
      example: '9122040d-6c67-4c5b-b112-36a304b66dad',
      read: issuerOr('tenant'),
    },
    audience: {
      question: 'Application (client) id of your API, or its api:// URI',
      example: '11111111-2222-3333-4444-555555555555',
    },
  },
  'entra-multitenant': {
    title: 'Microsoft Entra ID, several tenants',
    issuer: {
      question: 'Tenant ids that may call, with commas between',
      example: '9122040d-6c67-4c5b-b112-36a304b66dad',
      read: (reply) => ({
        tenants: reply
          .split(',')
          .map((tenant) => tenant.trim())
          .filter((tenant) => tenant !== ''),
      }),
    },
    audience: {
      question: 'Application (client) id of your API, or its api:// URI',
      example: '11111111-2222-3333-4444-555555555555',
    },
  },
  google: {
    title: 'Google (ID tokens)',
    issuer: undefined,
    audience: { question: 'OAuth client id', example: '1234567890-abc.apps.googleusercontent.com' },
  },
  'google-iap': {
    title: 'Google Identity-Aware Proxy',
    issuer: undefined,
    audience: {
      question: 'Audience of the backend service or app',
      example: '/projects/1234567890/global/backendServices/9876543210',
    },
  },
  'cloudflare-access': {
    title: 'Cloudflare Access',
    issuer: {
      question: 'Team name, before .cloudflareaccess.com',
      example: 'example-team',
      read: issuerOr('team'),
    },
    audience: {
      question: 'AUD tag of the application',
      example: '4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2',
    },
  },
  firebase: {
    title: 'Firebase Authentication',
    issuer: { question: 'Project id', example: 'my-project-1a2b', read: issuerOr('project') },
    audience: {
      question: 'Audience',
      example: 'my-project-1a2b',
      derive: (reply) => reply.slice(reply.lastIndexOf('/') + 1),
    },
  },
  'github-actions': {
    title: 'GitHub Actions',
    issuer: {
      question: 'Repository whose workflows may call',
      example: 'acme/orders',
      read: () => ({}),
    },
    audience: {
      question: 'Audience that the workflow asks for',
      example: 'https://github.com/acme',
      derive: (reply) => `https://github.com/${reply.split('/')[0]}`,
    },
  },
  kubernetes: {
    title: 'Kubernetes service accounts',
    issuer: {
      question: "The cluster's issuer",
      example: 'https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE',
      read: asWritten,
    },
    audience: { question: 'Audience of the projected token volume', example: 'orders-api' },
  },
  none: {
    title: 'another OpenID Connect or OAuth provider',
    issuer: {
      question: 'Issuer: the `iss` of its tokens',
      example: 'https://login.example.com',
      read: asWritten,
    },
    audience: API_AUDIENCE,
  },
};

/** The preset for an issuer whose host or form gives the provider away; `none` otherwise. */
export function guessProvider(issuer: string): ProviderName {
  const found = GIVEAWAYS.find(([form]) => form.test(issuer));
  return found?.[1] ?? 'none';
}

const GIVEAWAYS: readonly (readonly [RegExp, ProviderName])[] = [
  [/^https:\/\/[^/]+\.okta(?:preview|-emea)?\.com(?:\/|$)/, 'okta'],
  [/^https:\/\/[^/]+\.auth0\.com(?:\/|$)/, 'auth0'],
  [/^https?:\/\/[^/]+(?:\/[^?#]*)?\/realms\/[^/]+\/?$/, 'keycloak'],
  [/^https:\/\/cognito-idp\./, 'cognito'],
  [/^https:\/\/(?:login\.microsoftonline\.com|sts\.windows\.net)\//, 'entra'],
  [/^https:\/\/accounts\.google\.com$/, 'google'],
  [/^https:\/\/cloud\.google\.com\/iap$/, 'google-iap'],
  [/^https:\/\/[^/]+\.cloudflareaccess\.com$/, 'cloudflare-access'],
  [/^https:\/\/securetoken\.google\.com\//, 'firebase'],
  [/^https:\/\/token\.actions\.githubusercontent\.com$/, 'github-actions'],
];

/** Why the replies name no issuer that can be used, in words for who gave them; undefined where they do. */
export function findFlaw(keys: IssuerKeys, audience: string | undefined): string | undefined {
  const { preset, issuer } = keys;
  if (issuer !== undefined) {
    if (!URL.canParse(issuer)) return `"${issuer}" is not a URL`;
    const url = new URL(issuer);
    if (url.username !== '' || url.password !== '') return 'the URL of an issuer holds no password';
    if (url.search !== '' || url.hash !== '') return 'the URL of an issuer has no `?` and no `#`';
    if (/\/\.well-known\//.test(url.pathname))
      return 'this is the address of its metadata; the issuer is what comes before /.well-known/';
    if (!isAllowedUrl(url, false)) return 'the issuer must be https (http is for this machine only)';
  }
  if (preset === undefined) return undefined;
  const { derive, check }: Preset = PRESET_TABLE[preset];
  const config = issuerSchema.parse({ ...keys, audiences: audience === undefined ? 'any' : [audience] });
  const derived = derive(config);
  const problems = 'issuers' in derived ? (check?.(config, derived.issuers[0]) ?? []) : derived;
  const [problem] = problems;
  if (problem === undefined) return undefined;
  return `${problem.message}${problem.hint === undefined ? '' : ` (${problem.hint})`}`;
}

function trimSlash(text: string): string {
  return text.replace(/\/+$/, '');
}
