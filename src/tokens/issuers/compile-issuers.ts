import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { isError, type PathProblem } from '../../config/problem.ts';
import { error, warning } from '../../config/rules/rule.ts';
import { ALGORITHMS, type Config, DEFAULT_KEYS, type IssuerConfig } from '../../config/schema/config.ts';
import { readNamedFile } from '../../config/source/named-file.ts';
import { decodeUtf8, type ReadFile } from '../../config/source/read-file.ts';
import { type CompiledIssuer, NO_RULES, type TokenTypes } from '../compiled-issuer.ts';
import type { DpopPolicy } from '../dpop/proof-policy.ts';
import { normalizeType } from '../jwt/validate-claims.ts';
import { compileIntrospection } from './compile-introspection.ts';
import { type CompileTools, compileKeySource, readCertificates } from './compile-key-source.ts';
import { findImpossibleClaims } from './find-impossible-claims.ts';
import type { Derived, Preset, PresetField } from './presets/preset.ts';
import { PRESET_TABLE } from './presets/presets.ts';
import { requireIdentifyingClaims } from './require-identifying-claims.ts';

export interface CompiledIssuers {
  /** Complete only when no problem is an error. */
  readonly issuers: readonly CompiledIssuer[];
  /** With paths from the root of the file. */
  readonly problems: readonly PathProblem[];
  /** Absolute paths of the files that were read, for watching. */
  readonly files: readonly string[];
}

export interface CompileIssuersOptions {
  /** The absolute path of a file named in the configuration. */
  readonly resolvePath: (path: string) => string;
  readonly readFile?: ReadFile;
}

const MAX_FILE_BYTES = 4 * 1024 ** 2;

/** Merges presets and defaults into the issuers of the file, reads their files, and finds what is unsafe about them. */
export function compileIssuers(
  config: Config,
  { resolvePath, readFile }: CompileIssuersOptions,
): CompiledIssuers {
  const problems: PathProblem[] = [];
  const files: string[] = [];
  const issuers: CompiledIssuer[] = [];
  for (const [name, written] of Object.entries(config.issuers)) {
    const found = problems.length;
    const report = (problem: PathProblem) => {
      problems.push({ ...problem, path: ['issuers', name, ...problem.path] });
    };
    const read = (path: string, at: readonly string[]) => {
      const place = ['issuers', name, ...at];
      const bytes = readNamedFile(path, place, {
        resolvePath,
        readFile,
        maxBytes: MAX_FILE_BYTES,
        files,
        problems,
      });
      const text = bytes && decodeUtf8(bytes);
      if (bytes !== undefined && text === undefined) {
        problems.push(error(place, `cannot read \`${path}\`: it is not valid UTF-8`));
      }
      return text;
    };
    const { snapshot } = written.keys ?? {};
    if (snapshot !== undefined && !existsSync(dirname(resolvePath(snapshot)))) {
      report({
        ...warning(['keys', 'snapshot'], 'its folder does not exist, so the keys could not be written'),
        hint: 'make the folder where the gateway runs, and let it write there',
      });
    }
    const issuer = compileIssuer(name, written, { report, read, resolvePath });
    const broken = problems.slice(found).some(isError);
    if (issuer !== undefined && !broken) issuers.push(issuer);
  }
  problems.push(
    ...findClashes(issuers, config),
    ...requireIdentifyingClaims(config),
    ...findImpossibleClaims(config, issuers),
  );
  return { issuers, problems, files };
}

function compileIssuer(name: string, written: IssuerConfig, tools: CompileTools): CompiledIssuer | undefined {
  const preset: Preset | undefined = written.preset && PRESET_TABLE[written.preset];
  refuseStrayFields(written, preset, tools);
  const derived = deriveIssuers(written, preset, tools);
  if (derived === undefined) return undefined;
  for (const problem of preset?.check?.(written, derived.issuers[0] ?? written.issuer) ?? [])
    tools.report(problem);

  const merged = { ...preset?.defaults, ...withoutUndefined(written) };
  const algorithms = compileAlgorithms(merged.algorithms ?? ALGORITHMS);
  const { keys = DEFAULT_KEYS } = written;
  const source = compileKeySource(written, derived, { preset, algorithms, tools });
  const ca = keys.ca === undefined ? undefined : readCertificates(keys.ca, tools);
  const introspection = compileIntrospection(written.introspection, tools);
  if (source === undefined) return undefined;
  return {
    name,
    issuers: derived.issuers,
    audiences: written.audiences,
    audienceHint: preset?.audienceHint,
    algorithms,
    tokenTypes: compileTypes(merged.tokenTypes),
    idTokens: merged.idTokens ?? false,
    requiredClaims: [...new Set([...(written.requiredClaims ?? []), ...(preset?.requiredClaims ?? [])])],
    scopePrefix: written.scopePrefix,
    scopeClaims: (merged.scopeClaims ?? ['scope', 'scp']).map(toPath),
    roleClaims: (merged.roleClaims ?? ['roles']).map(toPath),
    clockToleranceMs: written.clockTolerance,
    maxTokenAgeMs: written.maxTokenAge,
    rules: derived.rules ?? NO_RULES,
    tokenHeaders: preset?.tokenHeaders ?? [],
    dpop: written.dpop && compileDpop(name, derived.issuers, written.dpop, written.clockTolerance),
    source,
    keys: {
      refreshMs: keys.refresh,
      cooldownMs: keys.cooldown,
      maxStaleMs: keys.maxStale,
      timeoutMs: keys.timeout,
      maxBytes: keys.maxBytes,
      headers: lowerNames(keys.headers ?? {}),
      ca,
      snapshot: keys.snapshot === undefined ? undefined : tools.resolvePath(keys.snapshot),
      insecure: written.insecure,
    },
    introspection,
  };
}

const PRESET_FIELDS: readonly PresetField[] = ['tenant', 'tenants', 'team', 'project', 'userPool'];

/** A key that does nothing is an error, not a decoration. */
function refuseStrayFields(
  written: IssuerConfig,
  preset: Preset | undefined,
  { report }: CompileTools,
): void {
  for (const field of PRESET_FIELDS) {
    if (written[field] === undefined || preset?.fields.includes(field)) continue;
    const owners = Object.entries(PRESET_TABLE).filter(([, { fields }]) =>
      (fields as readonly string[]).includes(field),
    );
    const hint = `it belongs to the preset ${owners.map(([owner]) => owner).join(' or ')}`;
    report(error([field], `\`${field}\` has no meaning here`, { hint, at: 'key' }));
  }
}

function deriveIssuers(
  written: IssuerConfig,
  preset: Preset | undefined,
  { report }: CompileTools,
): Derived | undefined {
  if (preset === undefined) return written.issuer === undefined ? undefined : { issuers: [written.issuer] };
  const derived = preset.derive(written);
  if ('issuers' in derived) return derived;
  for (const problem of derived) report(problem);
  return undefined;
}

/** `EdDSA` includes `Ed25519` (RFC 9864 §2.2); who names `Ed25519` alone wants no other name. */
function compileAlgorithms(written: readonly string[]): ReadonlySet<string> {
  return new Set(written.flatMap((name) => (name === 'EdDSA' ? [name, 'Ed25519'] : name)));
}

function compileDpop(
  name: string,
  [first = name, ...issuers]: readonly string[],
  { maxAge, algorithms, nonce, replay }: NonNullable<IssuerConfig['dpop']>,
  clockToleranceMs: number,
): DpopPolicy {
  return {
    name,
    issuers: [first, ...issuers],
    maxAgeMs: maxAge,
    clockToleranceMs,
    algorithms: compileAlgorithms(algorithms),
    advertised: [...new Set(algorithms)],
    requiresNonce: nonce === 'required',
    replay:
      typeof replay === 'string'
        ? { kind: 'redis', url: replay }
        : { kind: 'memory', maxEntries: replay.maxEntries },
  };
}

const DEFAULT_TYPES: TokenTypes = { names: new Set(['jwt', 'at+jwt']), required: false };

function compileTypes(types: readonly string[] | undefined): TokenTypes {
  return types === undefined ? DEFAULT_TYPES : { names: new Set(types.map(normalizeType)), required: true };
}

function toPath(claim: string | readonly string[]): readonly string[] {
  return typeof claim === 'string' ? [claim] : claim;
}

/** So that a header of the file replaces the default one instead of being sent beside it. */
function lowerNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function withoutUndefined(written: IssuerConfig): Partial<IssuerConfig> {
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined));
}

/** Two issuers that share an `iss`, or a snapshot, could use each other's keys. Equal values in the file are reported by its rules. */
function findClashes(
  issuers: readonly CompiledIssuer[],
  { issuers: written }: Pick<Config, 'issuers'>,
): PathProblem[] {
  const owners = new Map<string, string>();
  return issuers.flatMap(({ name, issuers: known, keys }) => {
    const marks = [...known, ...(keys.snapshot === undefined ? [] : [`snapshot ${keys.snapshot}`])];
    const clash = marks.find((mark) => owners.has(mark));
    for (const mark of marks) if (!owners.has(mark)) owners.set(mark, name);
    if (clash === undefined) return [];
    const other = owners.get(clash) as string;
    if (clash.startsWith('snapshot ')) {
      return [error(['issuers', name, 'keys', 'snapshot'], `\`${other}\` keeps its keys in the same file`)];
    }
    const same = written[name]?.issuer;
    // Equal in the file: its rules report that with both lines.
    if (same !== undefined && same === written[other]?.issuer) return [];
    return [error(['issuers', name], `\`${other}\` accepts tokens of the same \`iss\``)];
  });
}
