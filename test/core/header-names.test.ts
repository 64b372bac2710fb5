import { readFileSync } from 'node:fs';
import t from 'tap';
import { configSchema } from '../../src/config/schema/config.ts';
import { OVERRIDES, PROXY_FIELDS, PROXY_PREFIXES } from '../../src/core/header-names.ts';
import {
  compileRequestHeaderFilter,
  filterHeaders,
} from '../../src/pipeline/messages/request-header-filter.ts';
import { fileWith } from '../support/pipeline/gate.ts';

const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
const section = /\n## Header fields that are never forwarded\n(.*?)\n## /s.exec(page)?.[1] ?? '';
const table = section
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .join('\n');
const documented = [...table.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);

const headerFilter = compileRequestHeaderFilter(configSchema.parse(fileWith([{}])));
const passes = (name: string): boolean => filterHeaders(headerFilter, [name, 'v']).passed.length > 0;

t.test(
  'docs/security.md names every header field that is never forwarded, and each of them is dropped',
  async (t) => {
    const names = new Set(documented.map((name) => name.toLowerCase()));
    for (const name of [...OVERRIDES, ...PROXY_FIELDS]) {
      const isOfFamily = PROXY_PREFIXES.some((prefix) => name.startsWith(prefix));
      t.ok(isOfFamily || names.has(name), `${name} is named`);
    }
    for (const prefix of PROXY_PREFIXES) {
      const family = prefix === '-ws' ? '$ws*' : `${prefix}*`;
      t.ok(names.has(family), `${family} is named`);
    }
    for (const name of documented) {
      const spellings = name.endsWith('*') ? [name.replace('*', 'a'), name.replace('*', 'User-Id')] : [name];
      for (const spelling of spellings) {
        for (const alias of [
          spelling,
          spelling.toUpperCase(),
          spelling.replaceAll('-', '_'),
          spelling.replace('-', '.'),
        ]) {
          t.equal(passes(alias), false, alias);
        }
      }
    }
  },
);

t.test("fields that belong to the request, or are the operator's to name, go up", async (t) => {
  for (const name of [
    'Accept',
    'Via',
    'CDN-Loop',
    'CF-Ray',
    'CF-IPCountry',
    'Traceparent',
    'X-Amzn-Trace-Id',
    'X-Api-Version',
    'X-Client-Version',
    'X-Requested-With',
    'X-Forward',
    'X-Envoy',
    'SSL-Client',
    'Client',
    'Remote-User',
    'Proxy-Thing',
  ]) {
    t.equal(passes(name), true, name);
  }
});
