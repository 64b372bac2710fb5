import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SUITE = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/package.json'));
const PRELOAD = new URL('node-20.mjs', import.meta.url).href;

interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** The outcome of each check, by `scenario: check`. Checks that share a name are numbered. */
export type Outcomes = ReadonlyMap<string, Pick<Check, 'status' | 'errorMessage'>>;

/** Runs all server scenarios of a protocol version of `@modelcontextprotocol/conformance`, unmodified, against `url`. */
export async function runConformanceSuite(url: string, version: string): Promise<Outcomes> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-conformance-'));
  try {
    const main = join(SUITE, '../dist/index.js');
    const options = ['--url', url, '--spec-version', version, '--suite', 'all', '--output-dir', folder];
    const suite = spawn(process.execPath, ['--import', PRELOAD, main, 'server', ...options]);
    let printed = '';
    for (const stream of [suite.stdout, suite.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk;
      });
    await once(suite, 'close');
    if (!printed.includes('=== SUMMARY ===')) throw new Error(`the suite did not finish:\n${printed}`);
    return readOutcomes(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readOutcomes(folder: string): Outcomes {
  const outcomes = new Map<string, Pick<Check, 'status' | 'errorMessage'>>();
  for (const run of readdirSync(folder).sort()) {
    const scenario = run.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const checks = JSON.parse(readFileSync(join(folder, run, 'checks.json'), 'utf8')) as readonly Check[];
    for (const { id, name, status, errorMessage } of checks) {
      const key = `${scenario}: ${id} ${name}`;
      let free = key;
      for (let n = 2; outcomes.has(free); n++) free = `${key} (${n})`;
      outcomes.set(free, { status, ...(errorMessage && { errorMessage }) });
    }
  }
  return outcomes;
}
