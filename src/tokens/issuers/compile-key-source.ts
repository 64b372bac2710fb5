import type { PathProblem } from '../../config/problem.ts';
import { error } from '../../config/rules/rule.ts';
import { DEFAULT_KEYS, type IssuerConfig } from '../../config/schema/config.ts';
import { holdsCertificates, NO_CERTIFICATES } from '../../core/pem.ts';
import type { KeySource } from '../compiled-issuer.ts';
import { checkKeys } from '../keys/key-set.ts';
import type { Derived, Preset } from './presets/preset.ts';

/** What compiling an issuer needs of the world. */
export interface CompileTools {
  /** Paths start below the issuer. */
  readonly report: (problem: PathProblem) => void;
  /** The text of a file; undefined after a reported problem. */
  readonly read: (path: string, at: readonly string[]) => string | undefined;
  readonly resolvePath: (path: string) => string;
}

interface SourceContext {
  readonly preset: Preset | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly tools: CompileTools;
}

/** Finds out where an issuer's keys come from, and reads those that are at hand. Undefined after a reported problem. */
export function compileKeySource(
  written: IssuerConfig,
  derived: Derived,
  { preset, algorithms, tools }: SourceContext,
): KeySource | undefined {
  const { jwks, jwksUri } = written;
  if (jwks !== undefined) {
    const stray = findStray(written);
    if (stray !== undefined) {
      const hint =
        written.introspection?.url === undefined
          ? 'no keys are fetched for an issuer with `jwks`'
          : 'no keys are fetched for an issuer with `jwks`, and the endpoint is known: only `keys.ca` counts';
      tools.report(error(stray, 'has no meaning beside `jwks`', { hint }));
    }
    if (jwks === 'none') return { kind: 'none' };
    const members = 'keys' in jwks ? jwks.keys : readKeySet(jwks.file, tools);
    return (
      members &&
      compileStatic(members, 'keys' in jwks ? ['jwks', 'keys'] : ['jwks', 'file'], { algorithms, tools })
    );
  }
  const url = jwksUri ?? derived.jwksUri;
  if (url !== undefined) return compilePlace(new URL(url), tools);
  const issuer = derived.issuers[0];
  if (issuer !== undefined && /^https?:\/\//.test(issuer) && URL.canParse(issuer)) {
    return { kind: 'discovery', issuer, keysPath: preset?.keysPath };
  }
  tools.report(error(['issuer'], 'the keys cannot be found through it', { hint: 'give `jwksUri`' }));
  return undefined;
}

/**
 * What would do nothing beside `jwks`. A front fetches metadata all the same, by the rules in `keys`, and so does introspection that
 * must find its endpoint; where the file names that, it needs the authorities alone. The keys of a transmitter of events are fetched by
 * these rules in any case.
 */
function findStray({
  jwksUri,
  keys,
  oauthProxy,
  introspection,
  events,
}: IssuerConfig): readonly string[] | undefined {
  if (jwksUri !== undefined) return ['jwksUri'];
  if (keys === undefined) return undefined;
  if (events !== undefined) {
    const unused = (['headers', 'snapshot'] as const).find((key) => keys[key] !== undefined);
    return unused === undefined || oauthProxy !== undefined ? undefined : ['keys', unused];
  }
  if (oauthProxy === undefined && introspection === undefined) return ['keys'];
  if (oauthProxy === undefined && introspection?.url !== undefined) {
    const { ca: _, ...fetching } = keys;
    const { ca: __, ...defaults } = DEFAULT_KEYS;
    return keys.ca === undefined || JSON.stringify(fetching) !== JSON.stringify(defaults)
      ? ['keys']
      : undefined;
  }
  if (keys.snapshot !== undefined) return ['keys', 'snapshot'];
  return keys.maxBytes === DEFAULT_KEYS.maxBytes ? undefined : ['keys', 'maxBytes'];
}

function compilePlace(url: URL, { report }: CompileTools): KeySource | undefined {
  if (url.username === '' && url.password === '') return { kind: 'url', url };
  const hint = 'send it in `keys.headers`';
  report(error(['jwksUri'], 'a URL with a user or password is not asked', { hint }));
  return undefined;
}

function compileStatic(
  members: readonly unknown[],
  path: readonly string[],
  { algorithms, tools }: Pick<SourceContext, 'algorithms' | 'tools'>,
): KeySource {
  const checked = checkKeys(members, algorithms);
  checked.reports.forEach(({ state, reason }, index) => {
    if (state === 'broken') tools.report(error(path, `key ${index + 1} is unusable: ${reason}`));
  });
  if (checked.usable.length === 0) tools.report(error(path, 'no key of the set is usable for signatures'));
  return { kind: 'static', checked };
}

function readKeySet(file: string, { report, read }: CompileTools): readonly unknown[] | undefined {
  const text = read(file, ['jwks', 'file']);
  if (text === undefined) return undefined;
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    if (Array.isArray(keys)) return keys;
  } catch {
    // Reported below, without the text: it may be a file that nobody meant to publish.
  }
  report(error(['jwks', 'file'], 'not a JSON Web Key Set', { hint: 'expected {"keys": [ … ]}' }));
  return undefined;
}

/** The PEM text of `keys.ca`. */
export function readCertificates(file: string, { report, read }: CompileTools): string | undefined {
  const text = read(file, ['keys', 'ca']);
  if (text === undefined || holdsCertificates(text)) return text;
  report(error(['keys', 'ca'], NO_CERTIFICATES));
  return undefined;
}
