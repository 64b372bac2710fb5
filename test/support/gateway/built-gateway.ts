import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let built: string | undefined;

/**
 * Builds the gateway as it is now and gives the path of its program. A process of it starts in a fraction of the time. It lies apart
 * from the project, so that what the bundle lacks is not found beside it.
 */
export function builtGateway(): string {
  if (built !== undefined) return built;
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-built-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  execFileSync(process.execPath, ['scripts/build.mjs', folder]);
  built = join(folder, 'main.js');
  return built;
}
