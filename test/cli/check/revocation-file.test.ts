import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { sealgate } from '../../support/cli/cli.ts';

const NOW = Math.floor(Date.now() / 1000);
const CONFIG = (revocation: string): string => `
issuers: { corp: { issuer: https://corp.example, audiences: [api], maxTokenAge: 1h } }
revocation: ${revocation}
routes: [{ name: r, path: /, upstream: http://127.0.0.1:3000, access: public }]
`;
const line = (json: object): string => `${JSON.stringify({ issuer: 'corp', at: NOW, ...json })}\n`;

async function check(folder: string, revocation = '{ file: revoked.jsonl }') {
  writeFileSync(`${folder}/gateway.yaml`, CONFIG(revocation));
  const { stdout, code } = await sealgate(['check', '-c', `${folder}/gateway.yaml`, '--format', 'json']);
  const { problems } = JSON.parse(stdout) as {
    problems: { severity: string; path: string; message: string; line: number }[];
  };
  const found = problems.filter(({ path }) => path.startsWith('revocation'));
  return { code, texts: found.map(({ severity, message }) => `${severity}: ${message}`), found };
}

t.test('mistakes in lines are errors at their place', async (t) => {
  const folder = t.testdir();
  writeFileSync(
    `${folder}/revoked.jsonl`,
    [
      line({ jti: 'a' }),
      '\n',
      '{"issuer":"corp","jti":"secret" "at":1}\n',
      line({ jti: 'secret', at: NOW * 1000 }),
      line({ jti: 'secret', until: 'never' }),
      '{"jti":"secret","at":1}\n',
      line({ jti: 'secret', user: 'secret' }),
      line({ jti: 'x'.repeat(17_000) }),
      'null\n',
    ].join(''),
  );
  const { code, texts, found } = await check(folder);
  t.equal(code, 1);
  t.match(texts, [
    /^error: revoked\.jsonl:3:33: it is not JSON$/,
    /^error: revoked\.jsonl:4:18: `at` must be in seconds/,
    /^error: revoked\.jsonl:5:\d+: `until` must be a number of seconds/,
    /^error: revoked\.jsonl:6:1: name the `issuer`/,
    /^error: revoked\.jsonl:7:\d+: `user` is no member/,
    /^error: revoked\.jsonl:8:1: the line is longer than 16 KiB/,
    /^error: revoked\.jsonl:9:1: expected a JSON object/,
  ]);
  t.equal(found[0]?.path, 'revocation.file');
  t.equal(found[0]?.line, 3);
  t.notMatch(texts.join(), /secret/);
  writeFileSync(`${folder}/revoked.jsonl`, 'x\n'.repeat(500));
  const many = (await check(folder)).texts;
  t.equal(many.length, 11);
  t.match(many.at(-1), /and 490 more/);
});

t.test('what is no mistake', async (t) => {
  const folder = t.testdir();
  t.same((await check(folder)).texts, [], 'no file yet');
  const text = `\ufeff${line({ jti: 'a' })}\n \r\n${line({ jti: 'b', at: 1 })}${line({ jti: 'a', takenBack: true })}{"issuer":"co#torn\n${line({ sid: 'c' }).trimEnd()}`;
  writeFileSync(`${folder}/revoked.jsonl`, text);
  t.same((await check(folder)).texts, []);
  writeFileSync(`${folder}/revoked.jsonl`, `${line({ jti: 'a' })}{"issuer":"cor`);
  const torn = await check(folder);
  t.same(torn.texts, ['warning: revoked.jsonl:2:1: the last line is not whole, and does not count']);
  writeFileSync(`${folder}/revoked.jsonl`, line({ issuer: 'former', jti: 'a' }));
  const former = await check(folder);
  t.match(former.texts, [
    /^warning: revoked\.jsonl: 1 active entry names an issuer that this file does not have/,
  ]);
  t.equal(former.code, 0);
});

t.test('more active entries than there is room for', async (t) => {
  const folder = t.testdir();
  const settings = '{ file: revoked.jsonl, maxEntries: 2 }';
  const two = line({ jti: 'a' }) + line({ jti: 'a' }) + line({ jti: 'b' }) + line({ jti: 'old', at: 1 });
  writeFileSync(`${folder}/revoked.jsonl`, two);
  t.same((await check(folder, settings)).texts, []);
  writeFileSync(`${folder}/revoked.jsonl`, two + line({ jti: 'c' }));
  t.match((await check(folder, settings)).texts, [/^error: revoked\.jsonl has 3 active entries, more than/]);
});

t.test('what is no such file', async (t) => {
  const folder = t.testdir({ folder: {} });
  execFileSync('mkfifo', [`${folder}/pipe`]);
  for (const [file, message] of [
    ['folder', /cannot read `folder`: it is a folder/],
    ['pipe', /cannot read `pipe`: it is not a regular file/],
    ['gone/revoked.jsonl', /its folder does not exist/],
    ['gateway.yaml/revoked.jsonl', /part of its path is not a folder/],
  ] as const) {
    const { code, texts } = await check(folder, `{ file: ${file} }`);
    t.equal(code, 1, file);
    t.match(texts, [message], file);
  }
});

t.test('a file that cannot be written is worth knowing', async (t) => {
  // Not even root writes there.
  t.match((await check(t.testdir(), '{ file: /proc/sys/kernel/revoked.jsonl }')).texts, [
    /^note: this user cannot write it/,
  ]);
});
