// Builds dist/executable/sealgate-VERSION-linux-ARCH: one file that needs no Node, for Linux with glibc. It is Node itself, with the whole
// program inside (https://nodejs.org/api/single-executable-applications.html). Node comes from the package registry.
// Options: --node RELEASE (default: that of the image), --out FOLDER.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { inject } from 'postject';
import { bundledPackages, renderLicenses, renderSbom } from './bundled-packages.mjs';

/** Node looks for it to see whether a program was injected. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const product = JSON.parse(await readFile('package.json', 'utf8'));
const [, imageNode] = /^FROM node:(\d+)/m.exec(await readFile('Dockerfile', 'utf8'));
const { values } = parseArgs({
  options: {
    node: { type: 'string', default: imageNode },
    out: { type: 'string', default: 'dist/executable' },
  },
});
const platform = `linux-${process.arch}`;
if (process.platform !== 'linux')
  throw new Error('executables are built on Linux, on the architecture that they are for');

const work = await mkdtemp(join(tmpdir(), 'sealgate-executable-'));
try {
  const npm = ['install', '--silent', '--no-save', '--no-audit', '--no-fund', '--prefix', work];
  execFileSync('npm', [...npm, `node-${platform}@${values.node}`], { stdio: 'inherit' });
  const node = join(work, `node_modules/node-${platform}/bin/node`);

  const { metafile } = await build({
    entryPoints: ['src/main.ts'],
    outfile: join(work, 'main.cjs'),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: `node${values.node}`,
    legalComments: 'none',
    metafile: true,
  });
  const settings = {
    main: join(work, 'main.cjs'),
    output: join(work, 'program.blob'),
    disableExperimentalSEAWarning: true,
    // Compiled code belongs to exactly this Node on this architecture.
    useCodeCache: true,
  };
  await writeFile(join(work, 'settings.json'), JSON.stringify(settings));
  execFileSync(node, ['--experimental-sea-config', join(work, 'settings.json')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });

  await mkdir(values.out, { recursive: true });
  const name = `sealgate-${product.version}-${platform}`;
  const executable = join(values.out, name);
  await copyFile(node, executable);
  await chmod(executable, 0o755);
  // Node's symbols, which only a debugger of Node itself reads. Injecting comes after: it moves sections.
  try {
    execFileSync('strip', [executable], { stdio: 'ignore' });
  } catch {
    // Without binutils the file is larger, nothing else.
  }
  await inject(executable, 'NODE_SEA_BLOB', await readFile(settings.output), { sentinelFuse: FUSE });

  const runtime = {
    name: `node-${platform}`,
    version: execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(),
    license: 'MIT',
    texts: [await readFile(join(work, `node_modules/node-${platform}/LICENSE`), 'utf8')],
  };
  const packages = [...(await bundledPackages(metafile)), runtime];
  await writeFile(join(values.out, `${name}.cdx.json`), renderSbom(product, packages));
  await writeFile(join(values.out, `${name}.THIRD-PARTY-LICENSES.txt`), renderLicenses(packages));
  const digest = createHash('sha256')
    .update(await readFile(executable))
    .digest('hex');
  console.log(`${digest}  ${executable}`);
} finally {
  await rm(work, { recursive: true, force: true });
}
