import { type Command, type OptionValues, readTime } from './command.ts';
import { withEnvFile } from './config-file.ts';

/** The admin listener of a gateway on this machine whose file does not move it. */
const DEFAULT_ADMIN_URL = 'http://127.0.0.1:9090';
const REVOKED_BY = ['jti', 'sid', 'subject'] as const;

/** `sealgate revoke`, without its code. */
export const revokeCommand: Command = {
  name: 'revoke',
  summary: 'have a running gateway refuse tokens before they expire',
  options: {
    jti: { type: 'string', value: 'ID', description: 'the token with this `jti`' },
    sid: { type: 'string', value: 'ID', description: 'the tokens of the session with this `sid`' },
    subject: {
      type: 'string',
      value: 'SUB',
      description: 'the tokens with this `sub`, issued up to --before',
    },
    before: {
      type: 'string',
      value: 'TIME',
      description: 'with --subject: ISO 8601, or seconds since 1970 (default: now)',
    },
    until: {
      type: 'string',
      value: 'TIME',
      description: 'when the entry ends (default: after revocation.keep)',
    },
    issuer: {
      type: 'string',
      value: 'NAME',
      description: 'as the file names it; needed where it has several',
    },
    undo: { type: 'boolean', description: 'take the entry back' },
    admin: {
      type: 'string',
      value: 'URL',
      description: `the admin listener (default: ${DEFAULT_ADMIN_URL}); its token is read from $SEALGATE_ADMIN_TOKEN`,
    },
    'env-file': {
      type: 'string',
      value: 'FILE',
      description: 'SEALGATE_ADMIN_TOKEN=TOKEN, as a NAME=value line',
    },
  },
  positionals: [],
  misfit: ({ options }) => {
    const named = REVOKED_BY.filter((name) => options[name] !== undefined);
    if (named.length !== 1) return 'name exactly one of --jti, --sid and --subject';
    const empty = [...REVOKED_BY, 'issuer'].find((name) => options[name] === '');
    if (empty !== undefined) return `--${empty} takes a text that is not empty`;
    if (options.before !== undefined && options.subject === undefined) return '--before goes with --subject';
    if (options.until !== undefined && options.undo === true) return '--until does not go with --undo';
    const time = (['before', 'until'] as const).find(
      (name) => options[name] !== undefined && readSeconds(options[name]) === undefined,
    );
    if (time !== undefined)
      return `--${time} takes a time such as 2026-01-31T12:00:00Z, or seconds since 1970, not "${String(options[time])}"`;
    const { admin } = options;
    return admin === undefined || isHttpUrl(String(admin))
      ? undefined
      : '--admin takes a URL such as http://127.0.0.1:9090, without a user';
  },
  run: async (input) => {
    const { options } = input;
    const { runRevoke } = await import('./revoke.ts');
    const text = (name: string) => (options[name] === undefined ? undefined : String(options[name]));
    const kind = REVOKED_BY.find((name) => options[name] !== undefined) ?? 'jti';
    const revocation = {
      kind,
      value: String(options[kind]),
      issuer: text('issuer'),
      before: readSeconds(options.before),
      until: readSeconds(options.until),
      undo: options.undo === true,
      admin: text('admin') ?? DEFAULT_ADMIN_URL,
    };
    return withEnvFile(input, (io) => runRevoke(revocation, io));
  },
};

/** Whole seconds since the epoch. A fraction more is revoked, never less. */
function readSeconds(value: OptionValues[string]): number | undefined {
  const ms = value === undefined ? undefined : readTime(String(value));
  return ms === undefined ? undefined : Math.ceil(ms / 1000);
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '';
}
