import t from 'tap';
import packageJson from '../../package.json' with { type: 'json' };
import type { Command, CommandInput } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import type { CommandIo } from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/run.ts';
import { VERSION } from '../../src/core/version.ts';

function console(): CommandIo & { readonly out: string[]; readonly err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    env: {},
    isTTY: false,
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
  };
}

const seen: CommandInput[] = [];
const echo: Command = {
  name: 'echo',
  summary: 'prints its arguments',
  options: {
    format: { type: 'string', oneOf: ['text', 'json'], value: 'FORMAT', description: 'how' },
    header: { type: 'string', multiple: true, value: 'H', description: 'again and again' },
    loud: { type: 'boolean', short: 'l', description: 'loudly' },
  },
  aliases: ['repeat'],
  laterOptions: ['dance'],
  positionals: ['PATH', '[EXTRA]'],
  misfit: ({ options }) =>
    options.loud === true && options.format === 'json' ? 'JSON is never loud' : undefined,
  run: async (input) => {
    seen.push(input);
    return 7;
  },
};

t.test('words that fit run the command, whose exit code is that of the process', async (t) => {
  const io = console();
  t.equal(await runCli(['echo', '--format', 'json', '--header', 'a', '--header', 'b', '/x'], [echo], io), 7);
  t.match(seen.at(-1), { options: { format: 'json', header: ['a', 'b'] }, positionals: ['/x'] });
});

t.test('an alias is the command, in its help too', async (t) => {
  const io = console();
  t.equal(await runCli(['repeat', '/x'], [echo], io), 7);
  t.equal(await runCli(['repeat', '--help'], [echo], io), 0);
  t.match(io.out.join(''), 'Usage: sealgate echo');
});

const MISUSES: [words: string[], problem: RegExp][] = [
  [[], /a command is missing/],
  [['ecco'], /unknown command or option "ecco", did you mean `echo`\?/],
  [['start'], /unknown command or option "start"\n/],
  [['--verbose'], /unknown command or option "--verbose", options come after the command/],
  [['help', 'ecco'], /unknown command or option "ecco", did you mean `echo`\?/],
  ...['token', 'completion'].map((later): [string[], RegExp] => [
    [later, 'x'],
    new RegExp(`the command "${later}" is not supported by this version\n`),
  ]),
  [['echo'], /PATH is missing/],
  [['echo', '/a', '/b', '/c'], /unexpected argument "\/c"/],
  [['echo', '/a', '--nope'], /unknown option "--nope"\n/],
  [['echo', '/a', '--formt', 'text'], /unknown option "--formt", did you mean `--format`\?/],
  [['echo', '/a', '-x'], /unknown option "-x"\n/],
  [['echo', '/a', '--dance'], /the option "--dance" is not supported by this version\n/],
  [['echo', '/a', '--format'], /--format/],
  [['echo', '/a', '--format', 'xml'], /--format takes text or json, not "xml"/],
  [['echo', '/a', '--loud=yes'], /--loud/],
  [['echo', '/a', '-l', '--format', 'json'], /JSON is never loud/],
];

for (const [words, problem] of MISUSES) {
  t.test(
    `"sealgate ${words.join(' ')}" exits 2 with the usage on stderr and nothing on stdout`,
    async (t) => {
      const io = console();
      t.equal(await runCli(words, [echo], io), 2);
      t.match(io.err.join(''), problem);
      t.match(io.err.join(''), /Usage: sealgate/);
      t.same(io.out, []);
    },
  );
}

t.test('--version, --help and COMMAND --help exit 0 and write to stdout only', async (t) => {
  for (const words of [['--version'], ['--help'], ...COMMANDS.map(({ name }) => [name, '--help'])]) {
    const io = console();
    t.equal(await runCli(words, COMMANDS, io), 0, words.join(' '));
    t.not(io.out.join(''), '');
    t.same(io.err, []);
  }
});

t.test('the version is that of the package', async (t) => {
  t.equal(VERSION, packageJson.version);
});

t.test('help COMMAND is COMMAND --help, and help alone is --help', async (t) => {
  for (const [words, same] of [
    [['help'], ['--help']],
    [
      ['help', 'start'],
      ['start', '--help'],
    ],
    [
      ['--help', 'keys'],
      ['keys', '--help'],
    ],
  ] as const) {
    const [one, other] = [console(), console()];
    t.equal(await runCli(words, COMMANDS, one), await runCli(same, COMMANDS, other));
    t.same(one.out, other.out);
  }
});

t.test('the help names every option of every command', async (t) => {
  for (const command of COMMANDS) {
    const io = console();
    await runCli([command.name, '--help'], COMMANDS, io);
    for (const option of Object.keys(command.options)) t.match(io.out.join(''), `--${option}`);
  }
});
