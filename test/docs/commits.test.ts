import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import t from 'tap';

const HOOKS = resolve(import.meta.dirname, '../../.githooks');

/** Commits in an empty repository that has the hook; git's exit code and standard error. */
function commit(cwd: string, message: string): { readonly code: number | null; readonly stderr: string } {
  const settings = [`core.hooksPath=${HOOKS}`, 'user.name=test', 'user.email=test@example.com'];
  const args = [...settings.flatMap((setting) => ['-c', setting]), 'commit', '--allow-empty', '-m', message];
  const { status, stderr } = spawnSync('git', args, { cwd, encoding: 'utf8' });
  return { code: status, stderr };
}

t.test('the commit-msg hook accepts Conventional Commits and refuses other messages', async (t) => {
  const folder = t.testdir();
  spawnSync('git', ['init', '-q', folder]);
  for (const message of [
    'fix(proxy): retry only after a lost connection',
    'docs: a glossary',
    'feat(config, cli)!: drop a key\n\nProblem, solution, check.',
    'Revert "docs: a glossary"',
    'fixup! docs: a glossary',
  ]) {
    t.match(commit(folder, message), { code: 0 }, message);
  }
  for (const [message, problem] of [
    ['retry only after a lost connection', 'expected "TYPE(SCOPE): SUMMARY"'],
    ['fix(proxy) retry', 'expected'],
    ['fixed(proxy): retry', 'expected'],
    ['Fix(proxy): retry', 'expected'],
    ['fix(): retry', 'expected'],
    ['fix: ', 'expected'],
    [`fix: ${'x'.repeat(116)}`, 'at most 120'],
    ['fix: retry\nbody', 'the second line must be empty'],
  ] as const) {
    const { code, stderr } = commit(folder, message);
    t.equal(code, 1, message);
    t.match(stderr, problem);
  }
});
