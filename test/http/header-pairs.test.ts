import t from 'tap';
import { dropNominated, toHeaderObject } from '../../src/http/header-pairs.ts';

t.test(
  'the fields that Connection names are dropped in any spelling, and others stay in order',
  async (t) => {
    const pairs = ['X-Hop', '1', 'Accept', '*/*', 'x-hop', '2', 'Close', '3', 'Kept', '4'];
    const drop = (connection: string): readonly string[] =>
      dropNominated([...pairs], connection, (name) => name === 'kept');
    t.same(drop(''), pairs);
    t.same(drop('close'), pairs, 'an option is not the name of a field');
    t.same(drop('Keep-Alive, Upgrade'), pairs);
    t.same(drop('close, X-HOP,kept'), ['Accept', '*/*', 'Close', '3', 'Kept', '4']);
    t.same(drop('accept x-hop'), ['Close', '3', 'Kept', '4']);
  },
);

t.test('fields for HTTP/2 are in lower case, without those of a connection', async (t) => {
  const pairs = [
    'Connection',
    'x',
    'TE',
    'gzip',
    'Set-Cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'SET-COOKIE',
    'c=3',
  ];
  t.same({ ...toHeaderObject(pairs) }, { 'set-cookie': ['a=1', 'b=2', 'c=3'] });
  t.same(
    { ...toHeaderObject(['ETag', '1', 'etag', '2', '__proto__', 'x']) },
    { etag: '1', ['__proto__']: 'x' },
  );
});
