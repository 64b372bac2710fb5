import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { formatProblem, isError } from '../config/problem.ts';
import { isForDecisionsOnly } from '../config/routes/no-upstream.ts';
import type { Config } from '../config/schema/config.ts';
import { decodeUtf8, readFileBounded, whyUnreadable } from '../config/source/read-file.ts';
import { isRefusal, REFUSALS, type RefusalRow } from '../core/refusals.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import type { ClientCertificate } from '../http/certificates/client-certificate.ts';
import { isServedHere } from '../pipeline/messages/direct-response.ts';
import { compileOfflineGate } from '../simulate/offline-gate.ts';
import { type ReadOptions, readShownCertificate } from '../simulate/read-client-certificate.ts';
import { revocationsOfFile } from '../simulate/revocations-of-file.ts';
import { type SimulatedDecision, type SimulatedRequest, simulate } from '../simulate/simulate.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import { checkKeys } from '../tokens/keys/key-set.ts';
import { checkRevocationFile } from '../tokens/revocation/file/check-revocation-file.ts';
import type { RevocationCheck } from '../tokens/revocation/revocation-check.ts';
import { ADVICE } from './advice.ts';
import type { CommandIo } from './io.ts';
import { colorsFor } from './io.ts';
import { describeDecision, isUndecided } from './output/decision-text.ts';

export interface ExplainOptions {
  readonly file: string;
  readonly request: SimulatedRequest;
  /** A file with the token; `-` reads standard input. Takes precedence over the token of `request`. */
  readonly tokenFile?: string | undefined;
  /** The client certificate of the request. */
  readonly certificateFile?: string | undefined;
  /** A saved key set instead of the published ones. */
  readonly jwksFile?: string | undefined;
  /** Milliseconds since the epoch; now when undefined. */
  readonly atMs?: number | undefined;
  /** Asks the provider about a token that it must be asked about. */
  readonly isOnline?: boolean;
  readonly showClaims?: boolean;
  readonly format?: 'text' | 'json';
}

const EXIT_ALLOWED = 0;
const EXIT_UNDECIDED = 1;
const EXIT_REFUSED = 3;

const MAX_FILE_BYTES = 1024 ** 2;

/** Nothing can be decided; the message is for the user. */
class Undecidable extends Error {}

/** `sealgate explain`: decides one request by the file and prints each step. Returns the exit code. */
export async function runExplain(options: ExplainOptions, io: CommandIo): Promise<number> {
  try {
    const config = loadValid(options.file, io);
    const request = { ...options.request, token: await readToken(options, io) };
    const simulated = await explain(options, { config: config.config, loaded: config, request, env: io.env });
    const text =
      options.format === 'json'
        ? JSON.stringify(toJson(simulated, options), null, 2)
        : [...describeDecision(simulated, colorsFor(io)), ...describeIdentity(simulated, options)].join('\n');
    io.stdout.write(`${text}\n`);
    if (isUndecided(simulated.code)) return EXIT_UNDECIDED;
    return simulated.code === 'allow' ? EXIT_ALLOWED : EXIT_REFUSED;
  } catch (error) {
    if (!(error instanceof Undecidable)) throw error;
    io.stderr.write(`${error.message}\n`);
    return EXIT_UNDECIDED;
  }
}

interface Explained {
  readonly config: Config;
  readonly loaded: LoadedConfig;
  readonly request: SimulatedRequest;
  readonly env: CommandIo['env'];
}

/** Keys are fetched only from the issuer of the token, and only when the decision needs them. */
async function explain(
  options: ExplainOptions,
  { config, loaded, request: sent, env }: Explained,
): Promise<SimulatedDecision> {
  const compiled = compileIssuers(config, { resolvePath: loaded.resolvePath });
  assertNoErrors(loaded.report(compiled.problems));
  const { jwksFile, atMs, showClaims = false, certificateFile } = options;
  const issuers = jwksFile === undefined ? compiled.issuers : withSavedKeys(compiled.issuers, jwksFile);
  const clock: Clock = atMs === undefined ? systemClock : () => atMs;
  const reading = { config, resolvePath: loaded.resolvePath, clock };
  const certificate = certificateFile === undefined ? undefined : showCertificate(certificateFile, reading);
  const request = { ...sent, certificate };
  const revocations = await readRevocations(loaded, { ...reading, showClaims });
  const { gate, verifier, close } = await compileOfflineGate({
    revocations,
    config,
    issuers,
    clock,
    env,
    resolvePath: loaded.resolvePath,
    introspects: options.isOnline ?? false,
  });
  try {
    const first = await simulate(gate, request, { config, showClaims });
    const { outcome } = first.decision;
    if (!isRefusal(outcome) || outcome.code !== 'keys_unavailable') return first;
    await verifier.refresh(outcome.issuer);
    return await simulate(gate, request, { config, showClaims });
  } finally {
    close();
  }
}

/** Those of `revocation.file`; the running gateway may have more, of other sources. */
async function readRevocations(
  loaded: LoadedConfig,
  { config, showClaims, ...reading }: ReadOptions & { readonly showClaims: boolean },
): Promise<RevocationCheck | undefined> {
  assertNoErrors(loaded.report(await checkRevocationFile(config, reading)));
  return revocationsOfFile(config, { ...reading, showClaims });
}

function showCertificate(file: string, reading: ReadOptions): ClientCertificate {
  const certificate = readShownCertificate(file, reading);
  if (typeof certificate === 'string') throw new Undecidable(certificate);
  return certificate;
}

function loadValid(file: string, io: CommandIo): LoadedConfig & { readonly config: Config } {
  const loaded = loadConfig({ file, env: io.env });
  if (loaded.config !== undefined) return { ...loaded, config: loaded.config };
  assertNoErrors(loaded.problems);
  throw new Undecidable(`${file}: not valid`);
}

function assertNoErrors(problems: LoadedConfig['problems']): void {
  const errors = problems.filter(isError);
  if (errors.length > 0) throw new Undecidable(errors.map(formatProblem).join('\n'));
}

/** Accepts tokens pasted with line breaks around them and with the scheme before them. */
async function readToken({ request, tokenFile }: ExplainOptions, io: CommandIo): Promise<string | undefined> {
  const given = tokenFile ?? request.token;
  const isFile = tokenFile !== undefined && tokenFile !== '-';
  const text = given === '-' ? await io.readStdin?.() : isFile ? readText(tokenFile) : given;
  const token = text?.trim().replace(/^(?:Bearer|DPoP) +/i, '');
  // Whatever should have written the token has failed, so a decision would be misleading.
  if (token === '' && given !== '')
    throw new Undecidable(`${isFile ? tokenFile : 'standard input'} contains no token`);
  return token;
}

function withSavedKeys(issuers: readonly CompiledIssuer[], path: string): readonly CompiledIssuer[] {
  const members = readMembers(path);
  return issuers.map((issuer) =>
    issuer.source.kind === 'none'
      ? issuer
      : { ...issuer, source: { kind: 'static', checked: checkKeys(members, issuer.algorithms) } },
  );
}

function readMembers(path: string): readonly unknown[] {
  try {
    const { keys } = JSON.parse(readText(path)) as { keys?: unknown };
    if (Array.isArray(keys)) return keys;
  } catch (error) {
    if (error instanceof Undecidable) throw error;
  }
  throw new Undecidable(`${path} is not a key set: expected a JSON object with a list \`keys\``);
}

function readText(path: string): string {
  try {
    const text = decodeUtf8(readFileBounded(path, MAX_FILE_BYTES));
    if (text !== undefined) return text;
  } catch (error) {
    throw new Undecidable(`cannot read ${path}: ${whyUnreadable(error)}`);
  }
  throw new Undecidable(`cannot read ${path}: it is not valid UTF-8`);
}

/** Every key is always present, with null where it has no value. */
function toJson(
  { decision, steps, code, challenge }: SimulatedDecision,
  { showClaims = false }: ExplainOptions,
): unknown {
  const { route, outcome } = decision;
  const refusal = isRefusal(outcome) ? outcome : undefined;
  const row: RefusalRow | undefined = refusal && REFUSALS[refusal.code];
  const permit = isRefusal(outcome) || isServedHere(outcome) ? undefined : outcome;
  return {
    decision: refusal === undefined ? 'allow' : 'refuse',
    code,
    status: row?.status ?? null,
    route: route?.name ?? null,
    issuer: refusal?.issuer ?? permit?.token?.issuer ?? null,
    steps: steps.map(({ step, ok, expected = null, got = null, note = null }, at) => {
      if (refusal === undefined || at < steps.length - 1) return { step, ok, expected, got, note };
      const parts = [
        ...(got?.startsWith(refusal.reason) ? [] : [refusal.reason]),
        ...(challenge === undefined ? [] : [`the response has WWW-Authenticate: ${challenge}`]),
        ADVICE[refusal.cause],
      ];
      return { step, ok, expected, got, note: parts.join('; ') };
    }),
    identity: permit === undefined ? null : identityOf(permit.identity, showClaims),
  };
}

const HIDDEN = '(hidden)';

/** Header → value, or values where it is sent several times; hidden without `--show-claims`. */
function identityOf(
  pairs: readonly string[],
  showClaims: boolean,
): Readonly<Record<string, string | string[]>> {
  const fields: Record<string, string | string[]> = {};
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] as string;
    const value = showClaims ? (pairs[at + 1] as string) : HIDDEN;
    const before = fields[name];
    fields[name] = before === undefined ? value : [before, value].flat();
  }
  return fields;
}

function describeIdentity(
  { decision }: SimulatedDecision,
  { showClaims = false }: ExplainOptions,
): readonly string[] {
  const { outcome, route } = decision;
  if (isRefusal(outcome) || isServedHere(outcome) || route === undefined) return [];
  const fields = Object.entries(identityOf(outcome.identity, showClaims));
  const [by, verb] = isForDecisionsOnly(route.config)
    ? ['the proxy that asks', 'adds']
    : [route.config.upstream, 'gets'];
  if (fields.length === 0) return [`  ${by} ${verb} no identity headers`];
  return [
    `  ${by} ${verb}:`,
    ...fields.flatMap(([name, values]) => [values].flat().map((value) => `    ${name}: ${value}`)),
  ];
}
