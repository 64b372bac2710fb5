import t from 'tap';
import { otherReadings } from '../../../src/pipeline/mcp/resource-uri.ts';

/** What servers find under the first is the second. */
const SAME: readonly (readonly [uri: string, reading: string])[] = [
  ['FILE:///etc/x', 'file:///etc/x'],
  ['file:////etc/x', 'file:///etc/x'],
  ['file:///etc//x', 'file:///etc/x'],
  ['file://localhost/etc/x', 'file:///etc/x'],
  ['file://LOCALHOST//etc/x', 'file:///etc/x'],
  ['file:/etc/x', 'file:///etc/x'],
  ['file:etc/x', 'file:///etc/x'],
  ['file:///etc/x#', 'file:///etc/x'],
  ['file:///etc/x#page', 'file:///etc/x'],
  ['file:///etc/x?y', 'file:///etc/x'],
  ['file:///etc/%78?y#z', 'file:///etc/x'],
  ['https://H/%61', 'https://h/a'],
  ['https://h/a#b', 'https://h/a'],
  ['https://h/a?', 'https://h/a'],
  ['https://h/a?#', 'https://h/a'],
  ['https://h//a', 'https://h/a'],
  ['https://h:443/a', 'https://h/a'],
  ['http://h:80/a', 'http://h/a'],
  ['https://user:secret@H:443/a', 'https://h/a'],
  ['notes://all/%61#x', 'notes://all/a'],
];

t.test('a URI has the readings under which servers find the same', async (t) => {
  for (const [uri, reading] of SAME)
    t.ok(otherReadings(uri).includes(reading), `${uri}: ${otherReadings(uri)}`);
});

t.test('and no readings under which they find something else', async (t) => {
  for (const uri of [
    'file:///etc/x',
    'file://server/share/x',
    'https://h/a',
    'https://h/a?b=c//d',
    'https://h:8443/a',
    'http://h:443/a',
    'urn:isbn:1',
    'notes://all/a?b',
    'file:///docs/%',
  ])
    t.same(otherReadings(uri), [], uri);
  t.same(otherReadings('file:///a%23b'), ['file:///a#b'], 'an encoded # ends no path');
  t.same(otherReadings('https://h/%3Fb'), ['https://h/?b']);
});
