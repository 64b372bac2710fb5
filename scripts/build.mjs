// Builds a folder (default: dist) that runs by itself: our code and all it imports, with what a command needs in chunks of their
// own, and the papers of what came from elsewhere. See docs/decisions/one-bundle.md.
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
  // Dependencies in CommonJS ask for Node's own modules by `require`, which an ES module does not have.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
});
await chmod(join(outdir, 'main.js'), 0o755);

// Chunks are named by their content: those of earlier builds would pile up and be shipped.
const written = new Set(Object.keys(metafile.outputs).map((file) => resolve(file)));
for (const name of await readdir(join(outdir, 'chunks'))) {
  const chunk = resolve(outdir, 'chunks', name);
  if (!written.has(chunk)) await rm(chunk);
}

const product = JSON.parse(await readFile('package.json', 'utf8'));
const packages = await bundledPackages(metafile);
await writeFile(join(outdir, 'sbom.cdx.json'), renderSbom(product, packages));
await writeFile(join(outdir, 'THIRD-PARTY-LICENSES.txt'), renderLicenses(packages));
