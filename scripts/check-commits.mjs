// Checks commit messages against Conventional Commits (CONTRIBUTING.md). Argument: the file of one message, as git passes it to
// the commit-msg hook; without it, all commits since the last tag are checked.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TYPES = 'feat|fix|perf|refactor|docs|test|bench|build|ci|chore|style|revert';
const SUBJECT = new RegExp(`^(?:${TYPES})(?:\\([a-z0-9][a-z0-9, /-]*\\))?!?: \\S.*$`);
const MAX_LENGTH = 120;
/** Subjects that git writes itself. */
const BY_GIT = /^(?:Merge |Revert "|(?:fixup|squash|amend)! )/;

function problemOf(message) {
  const [subject = '', second = ''] = message.split('\n');
  if (BY_GIT.test(subject)) return undefined;
  if (!SUBJECT.test(subject))
    return `expected "TYPE(SCOPE): SUMMARY" with one of the types ${TYPES.replaceAll('|', ', ')}`;
  if (subject.length > MAX_LENGTH)
    return `the first line has ${subject.length} characters; at most ${MAX_LENGTH}`;
  if (second !== '') return 'the second line must be empty';
  return undefined;
}

function git(...args) {
  return spawnSync('git', ['-c', `safe.directory=${process.cwd()}`, ...args], { encoding: 'utf8' }).stdout;
}

function messagesSinceLastTag() {
  const tag = git('describe', '--tags', '--abbrev=0').trim();
  return git('log', '--no-merges', '-z', '--format=%B', tag === '' ? 'HEAD' : `${tag}..HEAD`).split('\0');
}

const [file] = process.argv.slice(2);
const messages =
  file === undefined ? messagesSinceLastTag() : [readFileSync(file, 'utf8').replace(/^#.*\n/gm, '')];
for (const message of messages) {
  const text = message.trim();
  const problem = text === '' ? undefined : problemOf(text);
  if (problem === undefined) continue;
  console.error(`${text.split('\n', 1)[0]}\n  ${problem}`);
  process.exitCode = 1;
}
