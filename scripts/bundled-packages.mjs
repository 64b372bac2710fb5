import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The packages in a bundle, from esbuild's metafile, with the texts of their licenses. */
export async function bundledPackages({ outputs }) {
  const files = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const folders = files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []);
  return Promise.all([...new Set(folders)].sort().map(describePackage));
}

async function describePackage(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return { name, version, license, texts };
}

/** Their list in CycloneDX; the same for the same bundle, so without the optional time and serial number. */
export function renderSbom(product, packages) {
  const describe = ({ name, version, license }, type) => {
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    // Combined licenses ("MIT OR Apache-2.0") are an expression, a single one a name of the SPDX list.
    const licenses = [/ /.test(license) ? { expression: license } : { license: { id: license } }];
    return { type, 'bom-ref': purl, name, version, licenses, purl };
  };
  const component = describe(product, 'application');
  const components = packages.map((each) => describe(each, 'library'));
  const sbom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component },
    components,
    dependencies: [{ ref: component.purl, dependsOn: components.map(({ purl }) => purl) }],
  };
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}

/** The texts that their licenses require with the code. */
export function renderLicenses(packages) {
  const entries = packages.map(({ name, version, license, texts }) =>
    [`${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join('\n\n'),
  );
  return `${entries.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
