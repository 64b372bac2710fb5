import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { parse } from 'yaml';

/* The samples of deploy/ci, run in a repository with a change: their own commands, with stand-ins for `docker` and `gh`. */

t.setTimeout(300_000);

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const SAMPLES = new URL('../../deploy/ci/', import.meta.url);

const STAND_INS = {
  sealgate: `exec '${process.execPath}' '${MAIN}' "$@"`,
  // docker run --rm -v FROM:TO:ro … IMAGE words…
  docker: `shift 2; map=(-e '')
while [ "$1" = -v ]; do IFS=: read -r from to _ <<<"$2"; map+=(-e "s#^$to/#$from/#"); shift 2; done
shift; words=(); for word in "$@"; do words+=("$(sed "\${map[@]}" <<<"$word")"); done
exec sealgate "\${words[@]}"`,
  gh: 'cat "$5"',
};

const fileWith = (scope: string): string => `
issuers: { corp: { issuer: https://corp.example, audiences: [api], jwksUri: https://corp.example/keys } }
upstreams: { app: { url: 'http://\${APP_HOST}:3000' } }
routes: [{ name: orders, path: /orders, upstream: app, access: { scopes: [${scope}] } }]
`;

/** A clone whose branch changes the file, and what its scripts need. */
async function repository(t: Test) {
  const at = t.testdir({ bin: {}, temp: {} });
  for (const [name, text] of Object.entries(STAND_INS)) {
    await writeFile(join(at, 'bin', name), `#!/bin/bash\n${text}\n`);
    await chmod(join(at, 'bin', name), 0o755);
  }
  const work = join(at, 'work');
  const git = (...words: readonly string[]) =>
    run('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...words], { cwd: work });
  await mkdir(work);
  await git('init', '-q', '-b', 'main');
  await git('remote', 'add', 'origin', `${at}/origin.git`);
  await run('git', ['init', '-q', '--bare', `${at}/origin.git`]);
  await writeFile(join(work, 'gateway.yaml'), fileWith('orders:write'));
  await git('add', '-A');
  await git('commit', '-q', '-m', 'first');
  await git('push', '-q', 'origin', 'main');
  await writeFile(join(work, 'gateway.yaml'), fileWith('orders:read'));
  await git('commit', '-q', '-am', 'second');
  const env = {
    ...process.env,
    PATH: `${join(at, 'bin')}:${process.env.PATH}`,
    RUNNER_TEMP: join(at, 'temp'),
    GITHUB_BASE_REF: 'main',
    GITHUB_STEP_SUMMARY: join(at, 'temp', 'summary.md'),
    SEALGATE_IMAGE: 'sealgate',
    NUMBER: '7',
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main',
  };
  const bash = (script: string) =>
    run('bash', ['-eo', 'pipefail', '-c', script], { cwd: work, env }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    );
  return { at, work, bash };
}

async function readSample(name: string) {
  return parse(await readFile(new URL(name, SAMPLES), 'utf8'));
}

t.test('GitHub Actions comments what the change means, and passes', async (t) => {
  const { at, bash } = await repository(t);
  const { jobs } = await readSample('github-actions.yaml');
  const scripts = (jobs.review.steps as { run?: string }[]).flatMap(({ run: script }) => script ?? []);
  t.equal(scripts.length, 4);
  const finished = [];
  for (const script of scripts) finished.push(await bash(script));
  t.same(
    finished.map(({ code }) => code),
    [0, 0, 0, 0],
  );
  t.match(finished.at(-1)?.stdout, /^\*\*wider: 1 gain, 1 loss\*\*\n/);
  t.match(
    await readFile(join(at, 'temp', 'summary.md'), 'utf8'),
    /\| tokens of corp with scope orders:read \|/,
  );
});

t.test('GitLab shows it, and warns', async (t) => {
  const { work, bash } = await repository(t);
  const sample = await readSample('gitlab-ci.yml');
  t.equal((await bash(sample['gateway before'].script.join('\n'))).code, 0);
  const { code } = await bash(sample['gateway review'].script.join('\n'));
  t.ok(sample['gateway review'].allow_failure.exit_codes.includes(code));
  t.match(await readFile(join(work, 'diff.txt'), 'utf8'), /^wider: 1 gain, 1 loss\n/);
});
