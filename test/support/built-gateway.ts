import { resolve } from 'node:path';
import { buildSync } from 'esbuild';

let built: string | undefined;

/** Builds the gateway as it is now, apart from `dist`, and gives the path of its program. A process of it starts in a fraction of the time. */
export function builtGateway(): string {
  if (built !== undefined) return built;
  const outdir = resolve(`node_modules/.cache/sealgate/${process.pid}`);
  buildSync({
    entryPoints: ['src/main.ts'],
    outdir,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
  });
  built = resolve(outdir, 'main.js');
  return built;
}
