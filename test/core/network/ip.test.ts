import t from 'tap';
import { isLoopbackAddress, isLoopbackHost } from '../../../src/core/network/ip.ts';

const HOSTS: readonly (readonly [host: string, isLoopback: boolean])[] = [
  ['localhost', true],
  ['LOCALHOST.', true],
  ['app.localhost', true],
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['[::1]', true],
  ['[::ffff:7f00:1]', true],
  ['localhost.example', false],
  ['127.0.0.1.example', false],
  ['128.0.0.1', false],
  ['0.0.0.0', false],
  ['::', false],
  ['[::2]', false],
  ['', false],
];

for (const [host, isLoopback] of HOSTS) {
  t.test(`host "${host}" is ${isLoopback ? 'this machine' : 'another'}`, async (t) => {
    t.equal(isLoopbackHost(host), isLoopback);
  });
}

t.test('a loopback address is no name', async (t) => {
  t.equal(isLoopbackAddress('::ffff:127.0.0.1'), true);
  t.equal(isLoopbackAddress('127.0.0.1'), true);
  t.equal(isLoopbackAddress('localhost'), false);
  t.equal(isLoopbackAddress('fe80::1%lo'), false);
  t.equal(isLoopbackAddress(''), false);
});
