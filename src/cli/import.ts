import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfig } from '../config/load.ts';
import { formatProblem, isError } from '../config/problem.ts';
import { whyUnreadable } from '../config/source/read-file.ts';
import { isDocument, readDocument } from '../openapi/document/read-document.ts';
import { type WrittenFile, writeGatewayFile } from '../openapi/write/write-gateway-file.ts';
import type { CommandIo } from './io.ts';
import { specProblems } from './output/spec-problems.ts';

export interface ImportOptions {
  readonly spec: string;
  /** The name of an issuer that is in another file. */
  readonly issuer?: string | undefined;
  readonly upstream?: string | undefined;
  /** Default: standard output. */
  readonly output?: string | undefined;
}

const FAILED = 1;

/** `sealgate import`: writes the routes of an OpenAPI document. Nothing is written where anything of it is wrong. Returns the exit code. */
export function runImport(options: ImportOptions, io: CommandIo): number {
  const { spec, issuer, output } = options;
  const document = readDocument(spec);
  if (!isDocument(document)) {
    io.stderr.write(`${specProblems(spec, document).map(formatProblem).join('\n')}\n`);
    return FAILED;
  }
  const written = writeGatewayFile(document, options);
  const flaw = findFlaw(written, issuer);
  if (flaw !== undefined) {
    io.stderr.write(`sealgate: ${spec}: ${flaw}\n`);
    return FAILED;
  }
  if (output === undefined) {
    io.stdout.write(written.text);
    io.stderr.write(`${summary(written)}\n`);
    return 0;
  }
  const problem = writeNew(output, written.text);
  if (problem !== undefined) {
    io.stderr.write(`sealgate: ${problem}\n`);
    return FAILED;
  }
  io.stdout.write(`${output}: ${summary(written)}\n`);
  return 0;
}

function summary({ routes, operations, unwritten }: WrittenFile): string {
  const missing = unwritten === 0 ? '' : `; not written, see the comments: ${unwritten}`;
  return `${count(routes, 'route')} for ${count(operations, 'operation')}${missing}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Why the text must not become a file: what `check` would refuse is never written. */
function findFlaw({ text, routes, reasons }: WrittenFile, issuer: string | undefined): string | undefined {
  if (routes === 0) {
    return reasons.length === 0
      ? 'it has no operations'
      : `no operation can be a route: ${reasons.join('; ')}`;
  }
  const elsewhere =
    issuer === undefined
      ? ''
      : `issuers: { "${issuer}": { issuer: https://issuer.example, audiences: [api] } }\n`;
  const bytes = Buffer.from(text + elsewhere);
  const readFile = (_: string, maxBytes: number): Uint8Array => {
    if (bytes.length > maxBytes)
      throw new Error(`with ${bytes.length} bytes it is larger than a file may be`);
    return bytes;
  };
  const [error] = loadConfig({ file: 'routes', env: {}, readFile }).problems.filter(isError);
  return error === undefined ? undefined : `no file can be made of it: ${error.message}`;
}

/** Writes a file whole or not at all, and never over another one. */
function writeNew(file: string, text: string): string | undefined {
  const temporary = join(dirname(file), `.sealgate-import-${process.pid}`);
  try {
    writeFileSync(temporary, text, { flag: 'wx' });
    linkSync(temporary, file);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      return `cannot write ${file}: ${whyUnreadable(error)}`;
    return `${file} exists and stays as it is: move it away, or name another file with -o`;
  } finally {
    rmSync(temporary, { force: true });
  }
}
