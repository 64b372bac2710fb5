import t from 'tap';
import { parseHost } from '../../src/http/host.ts';

t.test('reads the host in the one spelling in which hosts are compared', async (t) => {
  const table: [string, string][] = [
    ['api.example.com', 'api.example.com'],
    ['API.Example.com', 'api.example.com'],
    ['api.example.com:8443', 'api.example.com'],
    ['api.example.com.', 'api.example.com'],
    ['api.example.com.:80', 'api.example.com'],
    ['localhost', 'localhost'],
    ['127.0.0.1:1', '127.0.0.1'],
    ['my_service', 'my_service'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['[::1]', '[::1]'],
    ['[::1]:8080', '[::1]'],
    ['[0:0:0:0:0:0:0:1]', '[::1]'],
    ['[2001:DB8::A]', '[2001:db8::a]'],
    [`${'a.'.repeat(126)}a.:65535`, `${'a.'.repeat(126)}a`],
  ];
  for (const [value, host] of table) t.equal(parseHost([value], '1.1'), host, value);
});

t.test('refuses what is not one host', async (t) => {
  const table = [
    '',
    ' ',
    '.',
    'a..b',
    '.a',
    'a..',
    'user@api.example.com',
    'user:pass@api.example.com',
    'api.example.com:',
    'api.example.com:0',
    'api.example.com:65536',
    'api.example.com:99999',
    'api.example.com:80a',
    'api.example.com:80:80',
    'api.example.com:-1',
    'api.example.com/path',
    'api.example.com?x',
    'api.example.com#x',
    'http://api.example.com',
    'a,b',
    'a b',
    'a\tb',
    'a%2eb',
    'caf\u00e9.example',
    '-a.example',
    '[::1',
    '::1',
    '[::1]x',
    '[::g]',
    '[1.2.3.4]',
    '[fe80::1%25eth0]',
    '[]',
    `${'a'.repeat(64)}.example`,
    'a.'.repeat(200),
    `${'a.'.repeat(126)}ab`,
  ];
  for (const value of table)
    t.match(parseHost([value], '1.1'), { code: 'bad_request' }, JSON.stringify(value));
});

t.test('exactly one value counts, and only HTTP/1.0 may have none', async (t) => {
  t.match(parseHost(['a.example', 'b.example'], '1.1'), { code: 'bad_request' });
  t.match(parseHost(['a.example', 'a.example'], '1.1'), { code: 'bad_request' });
  t.match(parseHost([], '1.1'), { code: 'bad_request' });
  t.match(parseHost([], '2.0'), { code: 'bad_request' });
  t.equal(parseHost([], '1.0'), undefined);
});
