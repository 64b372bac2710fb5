import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { promisify, stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { startBackend } from '../../demo/backend.ts';
import { startProvider } from '../../demo/provider/provider.ts';

const curlMissing = existsSync('/usr/bin/curl') ? false : 'curl is not installed';

interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** Runs the demo as `npm run demo` does after its build. `whenServing` gets the output so far, then Ctrl-C is pressed. */
async function runDemo(args: string[], whenServing?: (printed: string) => Promise<void>): Promise<Run> {
  const demo = spawn(process.execPath, ['--import', 'tsx', 'demo/demo.ts', ...args]);
  const exited = once(demo, 'exit');
  let [stdout, stderr] = ['', ''];
  const serving = new Promise<void>((resolve) => {
    demo.stdout.on('data', (chunk) => {
      stdout += chunk;
      if (stdout.includes('Ctrl-C')) resolve();
    });
  });
  demo.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  if (whenServing) {
    await Promise.race([serving, exited]);
    await whenServing(stdout).finally(() => demo.kill('SIGINT'));
  }
  const [code] = await exited;
  return { stdout, stderr, code };
}

t.test('the demo with --once sends its requests, and all responses are as expected', async (t) => {
  const { stdout, stderr, code } = await runDemo(['--once']);

  const responses = stdout.split('\n').filter((line) => /^[✓✗]/.test(line));
  t.same(responses, [
    '✓ no token → 401 token_missing',
    '✓ a token with the scope → 200',
    '✓ a token without the scope → 403 insufficient_scope',
    '✓ a public route → 200',
  ]);
  t.match(
    stdout,
    /x-user-id: demo-robot\n.*x-user-issuer: http:\/\/127\.0\.0\.1:\d+\n.*x-user-scopes: orders:read\n/,
  );
  t.equal(stripVTControlCharacters(stdout), stdout, 'no color without a terminal');
  t.equal(stderr, '', 'no warnings of its dependencies');
  t.equal(code, 0);
});

t.test('with --mcp a client of the official SDK finds the provider, logs in and calls tools', async (t) => {
  const { stdout, stderr, code } = await runDemo(['--once', '--mcp']);

  const steps = stdout.split('\n').filter((line) => /^[✓✗]/.test(line));
  t.equal(steps.length, 8 + 4);
  t.notOk(
    steps.some((line) => line.startsWith('✗')),
    stdout,
  );
  t.match(
    stdout,
    /POST \S+\/mcp server\/discover → 401\n.*resource_metadata="\S+\/\.well-known\/oauth-protected-resource\/mcp"/,
  );
  t.match(stdout, /it lists the tools that alice may use → orders_search, whoami\n/);
  t.match(
    stdout,
    /tools\/call orders_cancel → 403\n.*error="insufficient_scope".*scope="orders:read orders:write"/,
  );
  t.match(stdout, /it lists the tools again → orders_search, orders_cancel, whoami\n/);
  t.equal(stderr, '');
  t.equal(code, 0);
});

t.test(
  'its commands give the announced responses in a shell, until Ctrl-C ends it',
  { skip: curlMissing },
  async (t) => {
    let gateway = '';
    const { stdout, stderr, code } = await runDemo(['--free-ports'], async (printed) => {
      t.match(printed, /ready after \d+\.\d s/);
      gateway = /gateway +(\S+)/.exec(printed)?.[1] ?? '';
      const commands = [...printed.matchAll(/^# (.*) → (\d+)( \w+)?.*\n(curl .*)$/gm)];
      t.equal(commands.length, 4);
      for (const [, title = '', status = '', refusal = '', command = ''] of commands) {
        const { stdout: response } = await promisify(execFile)('sh', ['-c', command]);
        t.match(response, new RegExp(`^HTTP/1.1 ${status} `), title);
        if (refusal.startsWith(' ')) t.match(response, `"code":"${refusal.trim()}"`, `${title}: the code`);
      }
    });

    t.match(stdout, /gateway .*GET \/orders 401 token_missing/, 'each request shows as a line');
    t.match(stdout, /backend .*GET \/orders for demo-robot/);
    t.equal(stderr, '');
    t.equal(code, 0);
    await t.rejects(fetch(gateway), 'nothing is left running');
  },
);

t.test('a gateway that lets everything through makes the demo fail', async (t) => {
  const [provider, open] = await Promise.all([startProvider(), startBackend()]);
  t.teardown(() => Promise.all([provider.close(), open.close()]));

  const { stdout, code } = await runDemo(['--once', '--provider', provider.issuer, '--gateway', open.url]);

  t.match(stdout, /✗ no token → 200\n.*\n.*status: expected 401, got 200/);
  t.match(stdout, 'Authorization at the backend');
  t.equal(code, 1);
});
