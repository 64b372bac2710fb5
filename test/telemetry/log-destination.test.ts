import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openLogDestination } from '../../src/telemetry/log-destination.ts';

const MODULE = fileURLToPath(new URL('../../src/telemetry/log-destination.ts', import.meta.url));

t.test('lines arrive whole, in order, and soon without being asked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-log-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'log');
  const fd = openSync(file, 'w');
  const destination = openLogDestination({ fd });
  const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index} ${'x'.repeat(index % 90)}é\n`);
  for (const line of lines) destination.write(line);
  const until = Date.now() + 5_000;
  while (readFileSync(file, 'utf8') !== lines.join('') && Date.now() < until) await wait(10);
  t.equal(readFileSync(file, 'utf8'), lines.join(''));

  destination.write('last\n');
  destination.flushSync();
  t.equal(readFileSync(file, 'utf8'), `${lines.join('')}last\n`, 'a flush leaves nothing behind');
  closeSync(fd);
});

const ENDINGS = {
  'a process that ends by itself': '',
  'a process that exits at once': 'process.exit(0);',
  'a process that dies of an exception': 'throw new Error("broken");',
};

for (const [how, ending] of Object.entries(ENDINGS)) {
  t.test(`nothing is lost by ${how}`, async (t) => {
    const program = `import { openLogDestination } from ${JSON.stringify(MODULE)};
      const log = openLogDestination();
      for (let index = 0; index < 300; index += 1) log.write('line ' + index + '\\n');
      ${ending}`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    await once(child, 'close');
    t.equal(text, Array.from({ length: 300 }, (_, index) => `line ${index}\n`).join(''));
  });
}

t.test('a reader that is too slow costs lines, which are counted, and neither memory nor time', async (t) => {
  const program = `import { openLogDestination } from ${JSON.stringify(MODULE)};
    const log = openLogDestination({ waitingBytes: 100_000 });
    for (let index = 0; index < 50_000; index += 1) log.write('line ' + index + ' ' + 'x'.repeat(90) + '\\n');
    process.stderr.write('written');
    process.stdin.once('data', () => {
      log.write('last\\n');
      process.stdin.unref();
    });`;
  // A real pipe: what Node itself makes for a child is a pair of sockets.
  const argv = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
  const child = spawn('sh', ['-c', '{ "$@" 3>&-; } | { read -r _ <&3; cat; }', 'sh', ...argv], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  await once(child.stderr as Readable, 'data');
  let text = '';
  (child.stdout as Readable).on('data', (chunk) => {
    text += chunk;
  });
  (child.stdio[3] as Writable).write('read\n');
  (child.stdin as Writable).write('go on');
  await once(child, 'close');
  const lines = text.trimEnd().split('\n');
  const reported = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const numbers = lines.filter((line) => line.startsWith('line ')).map((line) => Number(line.split(' ')[1]));
  t.same(
    numbers,
    [...numbers].sort((left, right) => left - right),
    'in order',
  );
  t.ok(reported.length > 0 && numbers.length < 50_000, 'lines were dropped');
  const missing = reported.reduce((sum, { lines }) => sum + lines, 0);
  t.equal(numbers.length + missing + (lines.includes('last') ? 0 : -1), 50_000, 'what is missing is counted');
});
