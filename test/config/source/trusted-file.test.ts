import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { readTrustedFile, UntrustedFile } from '../../../src/config/source/trusted-file.ts';

const MAX_BYTES = 1024;

/** A folder of our own, whatever the umask. */
function folderOf(t: Test): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sealgate-trusted-')));
  t.teardown(() => chmodSync(folder, 0o700));
  return folder;
}

/** The text of the file, or why it is refused. */
function resultOf(path: string): string {
  try {
    return readTrustedFile(path, MAX_BYTES);
  } catch (error) {
    if (error instanceof UntrustedFile) return `untrusted: ${error.message}`;
    return (error as NodeJS.ErrnoException).code ?? 'failed';
  }
}

function write(path: string, mode = 0o600): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'keys');
  chmodSync(path, mode);
  return path;
}

const isRoot = process.geteuid?.() === 0;
const asRoot = { skip: !isRoot && 'only root can give files away' };

t.test('a file is trusted by its own mode', (t) => {
  const folder = folderOf(t);
  for (const mode of [0o600, 0o400, 0o644, 0o640]) {
    t.equal(resultOf(write(join(folder, `fine-${mode.toString(8)}`), mode)), 'keys', mode.toString(8));
  }
  const groupMode = isRoot ? [0o620, 0o660] : [];
  for (const mode of [0o602, 0o646, 0o666, 0o777, ...groupMode]) {
    t.match(
      resultOf(write(join(folder, `open-${mode.toString(8)}`), mode)),
      /untrusted: others may write it: run chmod 600/,
      mode.toString(8),
    );
  }
  t.equal(resultOf(join(folder, 'none')), 'ENOENT');
  t.end();
});

t.test('what is no file of its own is not read', (t) => {
  const folder = folderOf(t);
  const file = write(join(folder, 'file'));
  symlinkSync(file, join(folder, 'link'));
  t.match(resultOf(join(folder, 'link')), /untrusted: it is a symbolic link: name the file itself/);
  t.match(resultOf(folder), /untrusted: it is not a regular file/);
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  t.match(
    resultOf(join(folder, 'pipe')),
    /untrusted: it is not a regular file/,
    'and nobody waits for a pipe',
  );
  writeFileSync(join(folder, 'long'), 'x'.repeat(MAX_BYTES + 1), { mode: 0o600 });
  t.match(resultOf(join(folder, 'long')), /untrusted: it is too large/);
  t.end();
});

t.test('a file is not trusted where others can put another one in its place', (t) => {
  const folder = folderOf(t);
  const rows: [mode: number, depth: string, trusted: boolean][] = [
    [0o700, '.', true],
    [0o755, '.', true],
    [0o777, '.', false],
    [0o707, '.', false],
    [0o1777, '.', true],
    [0o777, 'a/b', false],
    [0o1777, 'a/b', true],
  ];
  if (isRoot) rows.push([0o775, '.', false], [0o770, 'a', false]);
  for (const [mode, depth, trusted] of rows) {
    const open = join(folder, `folder-${mode.toString(8)}-${depth.length}`);
    const file = write(join(open, depth, 'keys.json'));
    chmodSync(open, mode);
    const label = `${mode.toString(8)} above ${depth}`;
    if (trusted) t.equal(resultOf(file), 'keys', label);
    else t.match(resultOf(file), `untrusted: others may write the folder ${open}: run chmod go-w`, label);
  }
  t.end();
});

t.test('symbolic links of folders are followed, and each step is checked', (t) => {
  const folder = folderOf(t);
  const file = write(join(folder, 'real/keys.json'));
  symlinkSync(dirname(file), join(folder, 'link'));
  symlinkSync('link', join(folder, 'relative'));
  t.equal(resultOf(join(folder, 'link/keys.json')), 'keys');
  t.equal(resultOf(join(folder, 'relative/keys.json')), 'keys');
  mkdirSync(join(folder, 'open'));
  symlinkSync(dirname(file), join(folder, 'open/link'));
  symlinkSync('open/link', join(folder, 'through'));
  chmodSync(join(folder, 'open'), 0o777);
  t.match(resultOf(join(folder, 'open/link/keys.json')), /untrusted: others may write the folder .*\/open:/);
  t.match(resultOf(join(folder, 'through/keys.json')), /untrusted: others may write the folder .*\/open:/);
  symlinkSync('circle', join(folder, 'circle'));
  t.equal(resultOf(join(folder, 'circle/keys.json')), 'ELOOP');
  t.end();
});

t.test('a file, a folder or a link of another user is not trusted', asRoot, (t) => {
  const other = 65_534;
  const folder = folderOf(t);
  const file = write(join(folder, 'theirs'), 0o644);
  chownSync(file, other, other);
  t.match(
    resultOf(file),
    /untrusted: it belongs to another user \(uid 65534\): remove it, or give it to .* \(uid 0\)/,
  );
  const inside = write(join(folder, 'sub/keys.json'));
  chownSync(dirname(inside), other, other);
  t.match(resultOf(inside), /untrusted: the folder .*\/sub belongs to another user/);
  const shared = join(folder, 'shared');
  const real = write(join(folder, 'mine/keys.json'));
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  execFileSync('ln', ['-s', dirname(real), join(shared, 'link')]);
  t.equal(resultOf(join(shared, 'link/keys.json')), 'keys', 'a link of our own in a sticky folder');
  execFileSync('chown', ['-h', String(other), join(shared, 'link')]);
  t.match(resultOf(join(shared, 'link/keys.json')), /untrusted: the folder .*\/link belongs to another user/);
  t.end();
});

t.test('a user other than root trusts its own files, those of root, and its own group', asRoot, (t) => {
  const user = 54_321;
  const folder = folderOf(t);
  chmodSync(folder, 0o755);
  const rows: readonly [name: string, owner: number, group: number, mode: number, result: RegExp][] = [
    ['own', user, user, 0o600, /^keys$/],
    ['of root', 0, 0, 0o644, /^keys$/],
    ['own group', user, user, 0o660, /^keys$/],
    ['another group', user, 100, 0o660, /others may write it/],
    ['all', user, user, 0o666, /others may write it/],
    ['of another user', 54_322, user, 0o644, /belongs to another user \(uid 54322\)/],
  ];
  const files = rows.map(([name, owner, group, mode]) => {
    const file = write(join(folder, name), mode);
    chownSync(file, owner, group);
    return file;
  });
  process.seteuid?.(user);
  try {
    for (const [at, [name, , , , result]] of rows.entries()) t.match(resultOf(files[at] ?? ''), result, name);
  } finally {
    process.seteuid?.(0);
  }
  t.end();
});
