import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { RevocationEntry } from '../../../src/tokens/revocation/entry.ts';
import { readEntry } from '../../../src/tokens/revocation/entry-json.ts';
import { openRevocationFile } from '../../../src/tokens/revocation/file/revocation-file.ts';
import type { PlaceSettings } from '../../../src/tokens/revocation/revocation-place.ts';
import { createRevocations, type Revocations } from '../../../src/tokens/revocation/revocations.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';

const NOW = Math.floor(Date.now() / 1000);
const KEEP_MS = 24 * 3_600_000;

interface Opened {
  readonly revocations: Revocations;
  readonly logged: { readonly level: string; readonly msg: string; readonly line?: number }[];
  has(jti: string): boolean;
  /** What of these counts. */
  of(...jtis: string[]): string;
  add(...jtis: string[]): ReturnType<Revocations['add']>;
  takeBack(jti: string): ReturnType<Revocations['takeBack']>;
}

const placeOf = (path: string): PlaceSettings => ({
  kind: 'file',
  key: `file ${path}`,
  open: (context) => openRevocationFile(path, context),
});

async function open(t: Test, path: string | undefined, maxEntries = 1_000_000): Promise<Opened> {
  const logged: Opened['logged'] = [];
  const note = (level: string) => (details: object, msg: string) =>
    void logged.push({ level, msg, ...details });
  const log = { info: note('info'), warn: note('warn'), error: note('error') };
  const revocations = createRevocations({ clock: Date.now, log });
  t.teardown(() => revocations.close());
  const places = path === undefined ? [] : [placeOf(path)];
  revocations.follow({ keepMs: KEEP_MS, maxEntries, places, isClosed: true });
  await revocations.opened();
  const has = (jti: string): boolean => revocations.refuse(tokenWith({ jti })) !== undefined;
  return {
    revocations,
    logged,
    has,
    of: (...jtis) => jtis.filter(has).join(),
    add: (...jtis) =>
      revocations.add(
        jtis.map((jti) => entry({ jti })),
        'admin',
      ),
    takeBack: (jti) => revocations.takeBack([{ target: entry({ jti }), before: undefined }]),
  };
}

function tokenWith(claims: Readonly<Record<string, unknown>>): VerifiedToken {
  const rest = { audiences: undefined, scopes: [], roles: [], rejectedFromMs: Number.POSITIVE_INFINITY };
  return { issuer: 'corp', header: {}, claims, ...rest };
}

function entry(json: object): RevocationEntry {
  const read = readEntry({ issuer: 'corp', ...json }, { now: NOW, isNew: true });
  if (typeof read === 'string') throw new Error(read);
  return read;
}

const line = (json: object): string => `${JSON.stringify({ issuer: 'corp', at: NOW, ...json })}\n`;
const jtis = (...names: string[]): string => names.map((jti) => line({ jti })).join('');

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(10);
}

/** Long enough for those who follow the file to have looked at it again. */
const looked = (): Promise<void> => delay(600);

t.test('what is in the file counts, and what is appended to it', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const [over, later] = [NOW - 25 * 3600, NOW + 3600];
  writeFileSync(
    path,
    `\ufeff${line({ jti: 'a' })}\r\n\n  \n${line({ jti: 'over', at: over })}${line({ jti: 'until', at: over, until: later })}${line({ sid: 's' })}${line({ subject: 'u', before: NOW })}`,
  );
  const file = await open(t, path);
  t.equal(file.of('a', 'over', 'until'), 'a,until');
  t.ok(file.revocations.refuse(tokenWith({ sid: 's' })));
  t.ok(file.revocations.refuse(tokenWith({ sub: 'u', iat: NOW })));
  t.notOk(file.revocations.refuse(tokenWith({ sub: 'u', iat: NOW + 1 })));
  appendFileSync(path, jtis('b'));
  await until(() => file.has('b'));
  appendFileSync(path, line({ jti: 'a', takenBack: true }));
  await until(() => !file.has('a'));
  t.equal(file.revocations.report().sources.file, 4);
  t.same(file.logged, []);
});

t.test('what is added is in the file once it is confirmed, and what is taken back is over', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const first = await open(t, path);
  t.notOk(existsSync(path));
  t.equal(await first.add('a', 'b'), 'kept');
  t.equal(statSync(path).mode & 0o777, 0o600);
  const lines = () => readFileSync(path, 'utf8').split('\n').filter(Boolean);
  t.equal(lines().length, 2);
  t.match(JSON.parse(lines()[0] ?? ''), { issuer: 'corp', jti: 'a', at: NOW });
  t.equal(await first.takeBack('a'), 'kept');
  t.equal((await open(t, path)).of('a', 'b'), 'b');
  t.equal(await first.add('a'), 'kept');
  t.equal((await open(t, path)).of('a', 'b'), 'a,b');
  await looked();
  t.equal(first.of('a', 'b'), 'a,b', 'reading its own lines changes nothing');
  t.equal(first.revocations.report().sources.admin, 2);
});

t.test('two gateways share a file', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const [one, two] = [await open(t, path), await open(t, path)];
  await Promise.all([one.add('a'), two.add('b'), one.add('c')]);
  await until(() => one.of('a', 'b', 'c') === 'a,b,c' && two.of('a', 'b', 'c') === 'a,b,c');
  await two.takeBack('a');
  await until(() => !one.has('a'));
  t.equal(two.has('a'), false);
  await one.add('a');
  await until(() => two.has('a'));
  await Promise.all(Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? one : two).add(`many-${at}`)));
  await until(() => one.revocations.report().entries === 203 && two.revocations.report().entries === 203);
  const third = await open(t, path);
  t.equal(third.revocations.report().entries, 203);
  t.same([...one.logged, ...two.logged, ...third.logged], []);
});

t.test('the order of changes of two gateways is that of the lines', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const file = await open(t, path);
  await file.add('other');
  await looked();
  // Between two looks: added elsewhere, taken back here, added here again.
  appendFileSync(path, jtis('a', 'b'));
  await file.takeBack('a');
  await file.takeBack('b');
  await file.add('b');
  await until(() => file.has('b') && !file.has('a'));
  await looked();
  t.equal(file.of('a', 'b'), 'b');
});

t.test('a file that is replaced, shortened or gone takes nothing back', async (t) => {
  const folder = t.testdir();
  const path = `${folder}/revoked.jsonl`;
  writeFileSync(path, jtis('a', 'b'));
  const file = await open(t, path);
  writeFileSync(`${path}.new`, jtis('c'));
  renameSync(`${path}.new`, path);
  await until(() => file.has('c'));
  t.equal(file.of('a', 'b', 'c'), 'a,b,c', 'replaced');
  writeFileSync(path, jtis('d'));
  await until(() => file.has('d'));
  t.equal(file.of('a', 'b', 'c', 'd'), 'a,b,c,d', 'the same length');
  truncateSync(path, 0);
  appendFileSync(path, jtis('e'));
  await until(() => file.has('e'));
  writeFileSync(path, jtis('f', 'g', 'h', 'i'));
  await until(() => file.has('i'));
  t.equal(file.of('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'), 'a,b,c,d,e,f,g,h,i', 'rewritten and longer');
  rmSync(path);
  await until(() =>
    file.logged.some(({ msg }) => msg === 'revocation.file is gone; its entries still count'),
  );
  t.equal(file.of('a', 'i'), 'a,i', 'gone');
  await file.takeBack('b');
  t.equal(await file.add('j'), 'kept');
  const next = await open(t, path);
  t.equal(next.of(...'abcdefghij'), 'a,c,d,e,f,g,h,i,j', 'what is active is in the new file');
});

t.test('a mounted ConfigMap is followed', async (t) => {
  const folder = t.testdir({ v1: { 'revoked.jsonl': jtis('a') }, v2: { 'revoked.jsonl': jtis('a', 'b') } });
  symlinkSync('v1', `${folder}/..data`);
  symlinkSync('..data/revoked.jsonl', `${folder}/revoked.jsonl`);
  const file = await open(t, `${folder}/revoked.jsonl`);
  t.equal(file.of('a', 'b'), 'a');
  symlinkSync('v2', `${folder}/..tmp`);
  renameSync(`${folder}/..tmp`, `${folder}/..data`);
  await until(() => file.has('b'));
});

t.test('lines with a mistake do not count, and are logged without values', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  writeFileSync(path, jtis('a'));
  const file = await open(t, path);
  const bad: readonly (string | Buffer)[] = [
    '{"issuer":"corp","jti":"secret-value"',
    line({ jti: 'ms', at: Date.now() }),
    line({ jti: 'unknown', why: 'secret-value' }),
    '{"jti":"no-issuer","at":1}',
    '{"issuer":"corp","jti":"twice","jti":"secret-value"}',
    line({ jti: 'nul' }).replace('nul', 'n\0l'),
    Buffer.from([...Buffer.from('{"issuer":"corp","jti":"'), 0xff, 0x22, 0x7d]),
    line({ jti: 'x'.repeat(20_000) }),
    '[]',
  ];
  for (const text of bad) appendFileSync(path, Buffer.concat([Buffer.from(text), Buffer.from('\n')]));
  appendFileSync(path, jtis('good'));
  await until(() => file.has('good'));
  const wrong = file.logged.filter(
    ({ msg }) => msg === 'a line of revocation.file is wrong; it does not count',
  );
  t.equal(file.revocations.report().wrongLines, bad.length);
  t.equal(wrong.length, bad.length);
  t.equal(wrong[0]?.line, 2);
  t.notMatch(JSON.stringify(file.logged), /secret-value/);
  appendFileSync(path, 'x\n'.repeat(1000) + jtis('last'));
  await until(() => file.has('last'));
  t.equal(file.logged.length, bad.length + 11, 'and at most ten of many');
});

t.test('a line that was cut off', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const [torn, whole] = [line({ jti: 'torn' }).slice(0, -8), line({ jti: 'whole' }).slice(0, -1)];
  writeFileSync(path, `${jtis('a')}${torn}`);
  const file = await open(t, path);
  t.equal(file.of('a', 'torn'), 'a');
  t.match(file.logged, [{ level: 'warn', line: 2 }]);
  await file.add('b');
  appendFileSync(path, whole);
  await until(() => file.has('whole'));
  await file.add('c');
  const next = await open(t, path);
  t.equal(next.of('a', 'b', 'c', 'whole', 'torn'), 'a,b,c,whole');
  t.same(next.logged, [], 'and is no mistake later');
  appendFileSync(path, torn);
  await looked();
  appendFileSync(path, line({ jti: 'torn' }).slice(-8));
  await until(() => file.has('torn'));
});

t.test('where nothing can be written, that is the result', async (t) => {
  const folder = t.testdir({ revoked: {} });
  const file = await open(t, `${folder}/gone/revoked.jsonl`);
  const failed = await file.add('a');
  t.match(failed, { failed: /its folder does not exist/ });
  await file.add('b');
  t.equal(file.logged.length, 1, 'logged once');
  mkdirSync(`${folder}/gone`);
  t.equal(await file.add('c'), 'kept');
  t.equal(file.logged.length, 2);
  t.equal((await open(t, `${folder}/gone/revoked.jsonl`)).of('a', 'b', 'c'), 'a,b,c');
  if (process.getuid?.() === 0) return;
  chmodSync(`${folder}/gone/revoked.jsonl`, 0o400);
  t.match(await file.add('d'), { failed: /no permission/ });
});

const cannotMount = process.getuid?.() === 0 ? false : 'only root can mount a file system';

t.test('a disk that is full, and one that is read-only', { skip: cannotMount }, async (t) => {
  const disk = mountSmallDisk(t);
  const path = `${disk}/revoked.jsonl`;
  const file = await open(t, path);
  t.equal(await file.add('a'), 'kept');

  fillDisk(`${disk}/filler`);
  const many = Array.from({ length: 200 }, (_, index) => `many-${index}-${'.'.repeat(60)}`);
  t.match(await file.add(...many), { failed: /the disk is full/ });
  t.ok(file.has('many-199-'.padEnd(69, '.')), 'it counts, but is not confirmed');
  t.match(await file.takeBack('a'), { failed: /the disk is full/ });
  t.equal(file.logged.length, 1, 'logged once');
  t.match(file.logged, [{ level: 'error' }]);
  rmSync(`${disk}/filler`);
  t.equal(await file.add('b'), 'kept');
  const next = await open(t, path);
  t.same(next.logged, [], 'no line is broken');
  t.equal(
    next.revocations.report().entries,
    201,
    'all of them are in the file, and what was taken back is over',
  );
  t.notOk(next.has('a'));

  remount(disk, 'ro');
  t.match(await file.add('c'), { failed: /read-only/ });
  t.ok(file.has('c'));
  t.match(await file.takeBack('b'), { failed: /read-only/ });
  remount(disk, 'rw');
  await until(() => readFileSync(path, 'utf8').includes('"c"'));
  t.equal((await open(t, path)).of('b', 'c'), 'c', 'they are written without anybody asking again');
});

t.test(
  'what could not be written is not written over what others wrote since',
  { skip: cannotMount },
  async (t) => {
    const disk = mountSmallDisk(t);
    const path = `${disk}/revoked.jsonl`;
    const file = await open(t, path);
    t.equal(await file.add('there', 'gone'), 'kept');
    remount(disk, 'ro');
    t.match(await file.takeBack('there'), { failed: /read-only/ });
    t.match(await file.add('new'), { failed: /read-only/ });
    remount(disk, 'rw');
    appendFileSync(path, `${line({ jti: 'there', at: NOW + 60 })}${line({ jti: 'new', takenBack: true })}`);
    await until(() => file.of('there', 'new') === 'there');
    t.equal(await file.add('last'), 'kept');
    t.equal((await open(t, path)).of('there', 'gone', 'new', 'last'), 'there,gone,last');
  },
);

/** A disk of 64 KiB. */
function mountSmallDisk(t: Test): string {
  const disk = mkdtempSync(`${tmpdir()}/sealgate-disk-`);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
  t.teardown(() => {
    execFileSync('umount', ['--lazy', disk]);
    rmSync(disk, { recursive: true });
  });
  return disk;
}

function remount(disk: string, mode: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${mode}`, disk]);
}

/** Leaves a few bytes, so that a write is cut off. */
function fillDisk(filler: string): void {
  try {
    for (;;) appendFileSync(filler, '.'.repeat(1_024));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

t.test('a file that is named later gets what it lacks', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const at = { issuer: 'corp', at: NOW };
  writeFileSync(path, `${jtis('a', 'x')}${JSON.stringify({ ...at, jti: 'c', takenBack: true })}\n`);
  const file = await open(t, undefined);
  await file.add('a', 'b', 'c');
  file.revocations.follow({ keepMs: KEEP_MS, maxEntries: 100, places: [placeOf(path)], isClosed: true });
  await file.revocations.opened();
  t.equal(await file.add('d'), 'kept');
  t.equal(file.of('a', 'b', 'c', 'd', 'x'), 'a,b,d,x');
  const names = readFileSync(path, 'utf8').split('\n').filter(Boolean).slice(3);
  t.same(
    names.map((text) => JSON.parse(text).jti),
    ['b', 'd'],
  );
  file.revocations.follow({ keepMs: KEEP_MS, maxEntries: 100, places: [], isClosed: true });
  t.equal(file.of('a', 'b', 'd', 'x'), 'a,b,d,x', 'and may leave again');
});

t.test('more room lets in what found none', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  writeFileSync(path, jtis('a', 'b', 'c'));
  const file = await open(t, path, 2);
  t.equal(file.of('a', 'b', 'c'), 'a,b');
  t.equal(file.revocations.report().refused.file, 1);
  file.revocations.follow({ keepMs: KEEP_MS, maxEntries: 3, places: [placeOf(path)], isClosed: true });
  await until(() => file.has('c'));
});

t.test('what was taken back does not count for a moment while a file is read anew', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const many = jtis(...Array.from({ length: 20_000 }, (_, at) => `other-${at}`));
  writeFileSync(path, jtis('a', 'b'));
  const file = await open(t, path);
  await file.takeBack('a');
  const seen: string[] = [];
  file.revocations.onChanges(() => void seen.push(file.of('a', 'b')));
  const history = `${jtis('a')}${line({ jti: 'b', takenBack: true })}${many}${jtis('b')}${line({ jti: 'a', takenBack: true })}`;
  writeFileSync(`${path}.new`, history);
  renameSync(`${path}.new`, path);
  await until(() => file.has('other-19999'));
  await looked();
  t.same(new Set(seen), new Set(['b']));
});

t.test('a hundred thousand lines', async (t) => {
  const path = `${t.testdir()}/revoked.jsonl`;
  const first = await open(t, path);
  const names = Array.from({ length: 100_000 }, (_, at) => `token-${at}`);
  const calls = Array.from({ length: 1_000 }, (_, at) => first.add(...names.slice(at * 100, at * 100 + 100)));
  t.same(new Set(await Promise.all(calls)), new Set(['kept']));
  const next = await open(t, path);
  t.equal(next.revocations.report().entries, 100_000);
  t.ok(next.has('token-99999'));
});
