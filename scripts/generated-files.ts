import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { editorJsonSchema, includedJsonSchema, plainJsonSchema } from '../src/config/schema/json-schema.ts';
import { advicePage } from './advice-page.ts';
import { chartReadme } from './chart-readme.ts';
import { configurationReference } from './configuration-reference.ts';

const root = resolve(import.meta.dirname, '..');
const chart = 'deploy/helm/sealgate';
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

/** The files generated from the schema, the code's tables and the chart's values, by path from the project's root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['config/gateway.schema.json', `${JSON.stringify(editorJsonSchema(), null, 2)}\n`],
    ['config/included.schema.json', `${JSON.stringify(includedJsonSchema(), null, 2)}\n`],
    [`${chart}/README.md`, chartReadme(read(`${chart}/values.yaml`))],
    // Helm reads nothing outside of a chart's folder.
    [`${chart}/files/alerts.yaml`, read('deploy/prometheus/alerts.yaml')],
    [`${chart}/files/dashboard.json`, read('deploy/grafana/dashboard.json')],
    ['docs/advice.md', advicePage()],
    ['docs/configuration.md', configurationReference(plainJsonSchema())],
  ]);
}
