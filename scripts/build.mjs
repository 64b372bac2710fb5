// Builds a self-contained folder (default: dist): our code and its dependencies, with chunks for what only some commands need, an SBOM
// and licenses. See docs/decisions/one-bundle.md and, for what it saves, docs/performance.md.
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { bundledPackages, renderLicenses, renderSbom } from './bundled-packages.mjs';

const [outdir = 'dist'] = process.argv.slice(2);

const { metafile } = await build({
  entryPoints: ['src/main.ts'],
  outdir,
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // CommonJS dependencies load Node's modules by `require`, which an ES module does not have.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
});
await chmod(join(outdir, 'main.js'), 0o755);

// Chunk names contain a hash: chunks of earlier builds would accumulate and be shipped.
const written = new Set(Object.keys(metafile.outputs).map((file) => resolve(file)));
for (const name of await readdir(join(outdir, 'chunks'))) {
  const chunk = resolve(outdir, 'chunks', name);
  if (!written.has(chunk)) await rm(chunk);
}

const product = JSON.parse(await readFile('package.json', 'utf8'));
const packages = await bundledPackages(metafile);
await writeFile(join(outdir, 'sbom.cdx.json'), renderSbom(product, packages));
await writeFile(join(outdir, 'THIRD-PARTY-LICENSES.txt'), renderLicenses(packages));
