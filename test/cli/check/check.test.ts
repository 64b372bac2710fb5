import { resolve } from 'node:path';
import t, { type Test } from 'tap';
import { type CheckOptions, type ConfigCheck, runCheck } from '../../../src/cli/check/check.ts';
import { parseEnvFile } from '../../../src/cli/env-file.ts';
import { MINIMAL } from '../../support/config/config-text.ts';

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Terminal {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
}

/** Runs `check` on a text in a folder of its own; paths in the output are shortened to names. */
async function check(
  t: Test,
  text: string,
  {
    options = {},
    checks = [],
    terminal = {},
  }: { options?: Partial<CheckOptions>; checks?: readonly ConfigCheck[]; terminal?: Terminal } = {},
): Promise<Run> {
  const folder = t.testdir({
    'gateway.yaml': text,
    'good.env': '# comment\nPORT=8443\n',
    'bad.env': 'PORT=1\nnonsense\n',
  });
  const written = { out: '', err: '' };
  const inFolder = (file: string): string => resolve(folder, file);
  const code = await runCheck(
    {
      ...options,
      file: inFolder('gateway.yaml'),
      ...(options.envFile && { envFile: inFolder(options.envFile) }),
    },
    {
      stdout: { write: (piece) => (written.out += piece) },
      stderr: { write: (piece) => (written.err += piece) },
      env: terminal.env ?? {},
      isTTY: terminal.isTTY ?? false,
    },
    checks,
  );
  return { code, out: written.out.replaceAll(`${folder}/`, ''), err: written.err };
}

const PUBLIC = `${MINIMAL}  - { name: open, path: /open, upstream: http://u, access: public }\n`;
const WARNED = `${MINIMAL}    cors: { origins: '*' }\n`;
const WITH_PORT = `${MINIMAL}listen: { port: "\${PORT}" }\n`;

t.test('a good file is valid, in one line, with exit code 0', async (t) => {
  t.same(await check(t, MINIMAL), { code: 0, out: 'gateway.yaml: valid\n', err: '' });
});

t.test('problems are lines an editor can jump to, with hints, and exit code 1', async (t) => {
  const { code, out, err } = await check(t, `${MINIMAL}lisen: {}\n`);
  t.equal(code, 1);
  t.equal(err, '');
  t.equal(
    out,
    `gateway.yaml:10:1: error: lisen: unknown key \`lisen\`
    hint: did you mean \`listen\`?
gateway.yaml: not valid, 1 error
`,
  );
});

t.test('warnings leave a file valid, and so do notes', async (t) => {
  const warned = await check(t, WARNED);
  t.equal(warned.code, 0);
  t.match(
    warned.out,
    /^gateway\.yaml:10:22: warning: routes\[0\]\.cors\.origins: scripts of every site .*\n.*\n.*valid, 1 warning\n$/,
  );
  const noted = await check(t, PUBLIC);
  t.equal(noted.code, 0);
  t.match(
    noted.out,
    /^gateway\.yaml:10:60: note: routes\[1\]\.access: route `open` is public: it needs no token\n.*valid, 1 note\n$/,
  );
});

t.test('with --strict warnings are errors, and notes are not', async (t) => {
  const { code, out } = await check(t, WARNED, { options: { strict: true } });
  t.equal(code, 1);
  t.match(out, /:10:22: error: routes\[0\]\.cors\.origins: .*\n.*\n.*not valid, 1 error\n$/);
  const noted = await check(t, PUBLIC, { options: { strict: true } });
  t.equal(noted.code, 0);
  t.match(noted.out, /: note: .*\n.*: valid, 1 note\n$/);
  t.equal((await check(t, MINIMAL, { options: { strict: true } })).code, 0);
});

t.test('a file that is not there is a problem like others', async (t) => {
  const written: string[] = [];
  const stdout = { write: (text: string) => written.push(text) };
  t.equal(await runCheck({ file: 'no/such.yaml' }, { stdout, stderr: stdout, env: {}, isTTY: false }), 1);
  t.equal(
    written.join(''),
    'no/such.yaml:1:1: error: cannot read the file: there is no such file\nno/such.yaml: not valid, 1 error\n',
  );
});

t.test('JSON has every key of the contract, always', async (t) => {
  const bad = JSON.parse((await check(t, `${MINIMAL}lisen: {}\n`, { options: { format: 'json' } })).out);
  t.same(bad, {
    valid: false,
    problems: [
      {
        severity: 'error',
        file: bad.problems[0].file,
        line: 10,
        column: 1,
        path: 'lisen',
        message: 'unknown key `lisen`',
        hint: 'did you mean `listen`?',
      },
    ],
    tests: [],
  });
  const noted = JSON.parse((await check(t, PUBLIC, { options: { format: 'json', strict: true } })).out);
  t.match(noted, {
    valid: true,
    problems: [{ severity: 'note', path: 'routes[1].access', hint: null }],
    tests: [],
  });
  const strict = JSON.parse((await check(t, WARNED, { options: { format: 'json', strict: true } })).out);
  t.match(strict, { valid: false, problems: [{ severity: 'error' }] });
});

t.test('a missing variable is an error, or a warning where that is asked for', async (t) => {
  const strict = await check(t, WITH_PORT);
  t.equal(strict.code, 1);
  t.match(strict.out, /:10:17: error: listen\.port: the variable `PORT` is not set/);
  const lenient = await check(t, WITH_PORT, { options: { allowMissingEnv: true } });
  t.equal(lenient.code, 0);
  t.match(lenient.out, /:10:17: warning: listen\.port: the variable `PORT` is not set/);
});

t.test('variables come from a file, which wins over the environment', async (t) => {
  const ports: unknown[] = [];
  const spy: ConfigCheck = ({ config }) => {
    ports.push(config.listen.port);
    return {};
  };
  await check(t, WITH_PORT, { options: { envFile: 'good.env' }, checks: [spy] });
  await check(t, WITH_PORT, {
    options: { envFile: 'good.env' },
    checks: [spy],
    terminal: { env: { PORT: '1' } },
  });
  await check(t, WITH_PORT, { checks: [spy], terminal: { env: { PORT: '1' } } });
  t.same(ports, [8443, 8443, 1]);
});

t.test('a bad file of variables is named with its line', async (t) => {
  const bad = await check(t, MINIMAL, { options: { envFile: 'bad.env' } });
  t.equal(bad.code, 1);
  t.match(bad.out, /^bad\.env:2:1: error: expected NAME=value\n/);
  const missing = await check(t, MINIMAL, { options: { envFile: 'none.env' } });
  t.match(missing.out, /^none\.env:1:1: error: cannot read the file: there is no such file\n/);
});

t.test('what later checks find is placed, sorted in, and decides', async (t) => {
  const later: ConfigCheck = () => ({
    problems: [{ severity: 'error', path: ['issuers', 'corp', 'issuer'], message: 'no response' }],
  });
  const { code, out } = await check(t, PUBLIC, { checks: [later] });
  t.equal(code, 1);
  t.match(out, /^gateway\.yaml:3:13: error: issuers\.corp\.issuer: no response\ngateway\.yaml:10:60: note:/);
});

t.test('later checks see what of a file has no error, and do not repeat what is known', async (t) => {
  const seen: unknown[] = [];
  const spy: ConfigCheck = ({ config, isWhole, isUncertain }) => {
    seen.push([isWhole, config.log.level, isUncertain(['log', 'level']), isUncertain(['routes', 0])]);
    const problem = (path: readonly string[], message: string) => ({
      severity: 'error' as const,
      path,
      message,
    });
    return { problems: [problem(['log', 'level'], 'again'), problem(['routes'], 'further')] };
  };
  const { out } = await check(t, `${MINIMAL}log: { level: loud }\n`, { checks: [spy] });
  t.same(seen, [[false, 'info', true, false]]);
  t.match(
    out,
    /^gateway\.yaml:6:3: error: routes: further\n.*error: log\.level: expected .*\n.*, 2 errors\n$/s,
  );
});

t.test('a failed test of the file makes it invalid and is explained', async (t) => {
  const tests: ConfigCheck = async () => ({
    tests: [
      { name: 'reads', ok: true, expected: 'allow', got: 'allow' },
      {
        name: 'writes',
        ok: false,
        expected: 'allow',
        got: 'insufficient_scope',
        place: { file: 'gateway.yaml', line: 7, column: 1 },
        explanation: 'scopes: needs a\nhas none',
      },
    ],
  });
  const text = await check(t, MINIMAL, { checks: [tests] });
  t.equal(text.code, 1);
  t.equal(
    text.out,
    `gateway.yaml:7:1: failed: test "writes": expected allow, got insufficient_scope
    scopes: needs a
    has none
gateway.yaml: not valid, 1 of 2 tests failed
`,
  );
  const json = await check(t, MINIMAL, { checks: [tests], options: { format: 'json' } });
  t.same(JSON.parse(json.out), {
    valid: false,
    problems: [],
    tests: [
      { name: 'reads', ok: true, expected: 'allow', got: 'allow' },
      { name: 'writes', ok: false, expected: 'allow', got: 'insufficient_scope' },
    ],
  });
});

t.test('color is for terminals alone, and for none with NO_COLOR', async (t) => {
  const colored = (terminal: Terminal) =>
    check(t, WARNED, { terminal }).then(({ out }) => out.includes('\u001b['));
  t.equal(await colored({ isTTY: true }), true);
  t.equal(await colored({ isTTY: false }), false);
  t.equal(await colored({ isTTY: true, env: { NO_COLOR: '1' } }), false);
  t.equal(await colored({ isTTY: true, env: { NO_COLOR: '' } }), true);
  t.equal(await colored({ isTTY: true, env: { TERM: 'dumb' } }), false);
});

t.test('files of variables are read as they are written', async (t) => {
  t.same(parseEnvFile('A=1\r\n\n# x\nexport B="two words"\nC=\'#3\'\nD=a=b\nE=\n F = 1'), { badLine: 8 });
  t.same(parseEnvFile('A=1\r\n\n# x\nexport B="two words"\nC=\'#3\'\nD=a=b\nE=\nG="x'), {
    variables: { A: '1', B: 'two words', C: '#3', D: 'a=b', E: '', G: '"x' },
  });
});
