import { nearest } from '../config/diagnostics/nearest.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem, isError } from '../config/problem.ts';
import type { Config } from '../config/schema/config.ts';
import { transmittersOf } from '../tokens/events/compile-events.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import { type IssuerInspection, inspectIssuer } from '../tokens/issuers/inspect-issuer.ts';
import type { CommandIo } from './io.ts';
import { colorsFor } from './io.ts';
import { keysText } from './output/keys-text.ts';

export interface KeysOptions {
  readonly file: string;
  /** One issuer by its configured name; default: all. */
  readonly issuer?: string;
  readonly format: 'text' | 'json';
}

/** `sealgate keys`: the keys that each issuer publishes now, and the transmitter of its security events. Returns 0 if every issuer has a usable key and no broken one. */
export async function runKeys(options: KeysOptions, io: CommandIo): Promise<number> {
  const loaded = loadConfig({ file: options.file, env: io.env });
  const compiled = loaded.config && compileIssuers(loaded.config, { resolvePath: loaded.resolvePath });
  const problems = [...loaded.problems, ...loaded.report(compiled?.problems ?? [])];
  const errors = problems.filter(isError);
  if (compiled === undefined || errors.length > 0) {
    for (const problem of errors) io.stderr.write(`${formatProblem(problem)}\n`);
    return 1;
  }
  const chosen = compiled.issuers.filter(
    ({ name }) => options.issuer === undefined || name === options.issuer,
  );
  if (options.issuer !== undefined && chosen.length === 0) {
    const meant = nearest(
      options.issuer,
      compiled.issuers.map(({ name }) => name),
    );
    io.stderr.write(
      `sealgate: unknown issuer "${options.issuer}"${meant ? `, did you mean "${meant}"?` : ''}\n`,
    );
    return 1;
  }
  const publishers = [...chosen, ...transmittersOf(chosen, loaded.config as Config)];
  const inspections = await Promise.all(publishers.map((issuer) => inspectIssuer(issuer, { env: io.env })));
  if (options.format === 'json') {
    io.stdout.write(`${JSON.stringify({ issuers: inspections.map(toJson) }, null, 2)}\n`);
  } else io.stdout.write(keysText(inspections, colorsFor(io)));
  return inspections.every(isSound) ? 0 : 1;
}

/** Whether every token that the issuer signs now can be verified. */
function isSound({ findings }: IssuerInspection): boolean {
  return !findings.some(isError);
}

/** Every key is always present, with null where it has no value. */
function toJson(inspection: IssuerInspection) {
  const { name, issuer, keysFrom, jwksUri, cacheControl, clockDifferenceMs } = inspection;
  return {
    name,
    issuer: issuer ?? null,
    ok: isSound(inspection),
    keysFrom,
    jwksUri: jwksUri ?? null,
    cacheControl: cacheControl ?? null,
    clockDifferenceMs: clockDifferenceMs ?? null,
    keys: inspection.keys.map(({ kid, kty, alg, use, bits, state, reason }) => ({
      kid: kid ?? null,
      kty: kty ?? null,
      alg: alg ?? null,
      use: use ?? null,
      bits: bits ?? null,
      state,
      reason: reason ?? null,
    })),
    problems: inspection.findings.map(({ severity, message, hint }) => ({
      severity,
      message,
      hint: hint ?? null,
    })),
  };
}
