import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

let built: string | undefined;

/**
 * Builds the gateway as it is now and gives the path of its program. A process of it starts in a fraction of the time. It lies apart
 * from the project, so that what the bundle lacks is not found beside it. Test files share the build of equal sources.
 */
export function builtGateway(): string {
  built ??= join(sharedBuild(), 'main.js');
  return built;
}

const PREFIX = `sealgate-built-${userInfo().uid}-`;
const DAY_MS = 86_400_000;

function sharedBuild(): string {
  const folder = join(tmpdir(), PREFIX + digestOfSources());
  if (existsSync(folder)) return folder;
  removeOldBuilds();
  const own = mkdtempSync(join(tmpdir(), 'sealgate-building-'));
  execFileSync(process.execPath, ['scripts/build.mjs', own]);
  try {
    renameSync(own, folder);
  } catch {
    // Another test file was sooner.
    rmSync(own, { recursive: true, force: true });
  }
  return folder;
}

/** All that the program is built from. */
function digestOfSources(): string {
  const digest = createHash('sha256');
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).map((name) => join('src', name));
  const scripts = readdirSync('scripts').map((name) => join('scripts', name));
  for (const file of [...sources, ...scripts, 'package.json', 'package-lock.json'].sort()) {
    if (!statSync(file).isFile()) continue;
    digest.update(`${file}\0`).update(readFileSync(file)).update('\0');
  }
  return digest.digest('hex').slice(0, 24);
}

function removeOldBuilds(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(tmpdir(), name);
    try {
      if (statSync(folder).mtimeMs < Date.now() - DAY_MS) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another test file removes it, too.
    }
  }
}
