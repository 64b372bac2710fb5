import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
