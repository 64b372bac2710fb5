// Builds dist/main.js: our own code, with what a command needs in chunks of their own; dependencies stay in node_modules.
import { chmod, readdir, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const { metafile } = await build({
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  legalComments: 'none',
  metafile: true,
});
await chmod('dist/main.js', 0o755);

// Chunks are named by their content: those of earlier builds would pile up and be shipped.
for (const name of await readdir('dist/chunks')) {
  if (!(`dist/chunks/${name}` in metafile.outputs)) await rm(`dist/chunks/${name}`);
}
