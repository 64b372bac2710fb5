import t from 'tap';
import type { OwnEndpoint } from '../../../src/pipeline/messages/direct-response.ts';
import { compileOwnPaths, findOwnEndpoint, type OwnPaths } from '../../../src/pipeline/own/own-paths.ts';

const endpoint = (path: string, host?: string): OwnEndpoint => ({
  path,
  host,
  what: `${host ?? 'any host'}${path}`,
  respond: () => ({ directResponse: 'keys', status: 200, headers: [], body: '' }),
});

t.test('a file without own paths has no table, so that its requests are not looked up', async (t) => {
  t.equal(compileOwnPaths([]), undefined);
});

t.test('an own path is found as written, on its host or on any', async (t) => {
  const table = compileOwnPaths([
    endpoint('/a'),
    endpoint('/a', 'one.example'),
    endpoint('/b', 'one.example'),
    endpoint('/a', 'two.example'),
  ]) as OwnPaths;
  const rows: readonly (readonly [path: string, host: string | undefined, found: string | undefined])[] = [
    ['/a', 'one.example', 'one.example/a'],
    ['/a', 'two.example', 'two.example/a'],
    ['/a', 'three.example', 'any host/a'],
    ['/a', undefined, 'any host/a'],
    ['/b', 'one.example', 'one.example/b'],
    ['/b', 'two.example', undefined],
    ['/b', undefined, undefined],
    ['/a/', 'one.example', undefined],
    ['/%61', 'one.example', undefined],
    ['/A', 'one.example', undefined],
  ];
  for (const [path, host, found] of rows)
    t.equal(findOwnEndpoint(table, { path, host })?.what, found, `${host} ${path}`);
});
