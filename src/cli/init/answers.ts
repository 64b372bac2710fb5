import { didYouMean } from '../../config/diagnostics/nearest.ts';
import type { CommandIo } from '../io.ts';
import { findFlaw, guessProvider, type IssuerKeys, PROVIDERS, type ProviderName } from './providers.ts';

/** What the command line says; the rest is asked for. */
export interface Given {
  readonly preset: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly upstream: string | undefined;
}

/** All that the new file is made of. */
export interface Answers {
  readonly provider: ProviderName;
  readonly keys: IssuerKeys;
  readonly audience: string;
  readonly upstream: string;
  /** GitHub Actions: whose workflows may call. */
  readonly repository: string | undefined;
}

/** Takes what is given, and asks on a terminal for the rest. A text is why there are no answers. */
export async function collectAnswers(given: Given, io: CommandIo): Promise<Answers | string> {
  const { ask } = io;
  const provider = await findProvider(given, io);
  if (provider === undefined || !Object.hasOwn(PROVIDERS, provider)) {
    if (ask !== undefined) return 'nothing was written';
    return missing([
      '--preset or --issuer',
      ...(given.audience === undefined ? ['--audience'] : []),
      ...(given.upstream === undefined ? ['--upstream'] : []),
    ]);
  }
  const { issuer, audience } = PROVIDERS[provider];
  const preset = provider === 'none' ? {} : { preset: provider };
  const derivedAudience = (answer: string | undefined) =>
    answer === undefined && issuer !== undefined ? undefined : audience.derive?.(answer ?? '');

  if (issuer === undefined && given.issuer !== undefined && guessProvider(given.issuer) !== provider)
    return `--issuer: there is only one issuer of ${PROVIDERS[provider].title}; leave the option out`;
  if (ask === undefined) {
    const awaitsIssuer = issuer !== undefined && given.issuer === undefined;
    const awaitsAudience =
      given.audience === undefined &&
      (awaitsIssuer ? audience.derive === undefined : derivedAudience(given.issuer) === undefined);
    const needed = [
      ...(awaitsIssuer ? [`--issuer (${lower(issuer.question)})`] : []),
      ...(awaitsAudience ? [`--audience (${lower(audience.question)})`] : []),
      ...(given.upstream === undefined ? ['--upstream (the URL of your API)'] : []),
    ];
    if (needed.length > 0) return missing(needed);
  }

  const read = (answer: string): IssuerKeys => ({ ...preset, ...issuer?.read(answer) });
  const flawOfIssuer = (answer: string) =>
    provider === 'github-actions'
      ? flawOfRepository(answer)
      : findFlaw(read(answer), usualAudience(provider, answer));
  const issuerAnswer =
    issuer === undefined
      ? ''
      : await answerTo({ given: given.issuer, option: '--issuer', ...issuer, flaw: flawOfIssuer }, io);
  if (typeof issuerAnswer !== 'string') return issuerAnswer.problem;
  const keys = read(issuerAnswer);
  const audienceAnswer = await answerTo(
    {
      given: given.audience ?? (ask === undefined ? derivedAudience(issuerAnswer) : undefined),
      option: '--audience',
      ...audience,
      usual: derivedAudience(issuerAnswer),
      flaw: (answer) =>
        answer === 'any' ? '`any` would accept tokens made for other APIs' : findFlaw(keys, answer),
    },
    io,
  );
  if (typeof audienceAnswer !== 'string') return audienceAnswer.problem;
  const upstream = await answerTo(
    {
      given: given.upstream,
      option: '--upstream',
      question: 'URL of your API, as this machine reaches it',
      example: 'http://127.0.0.1:3000',
      usual: 'http://127.0.0.1:3000',
      flaw: flawOfUpstream,
    },
    io,
  );
  if (typeof upstream !== 'string') return upstream.problem;
  return {
    provider,
    keys,
    audience: audienceAnswer,
    upstream,
    repository: provider === 'github-actions' ? issuerAnswer : undefined,
  };
}

async function findProvider(given: Given, { ask, stderr }: CommandIo): Promise<ProviderName | undefined> {
  if (given.preset !== undefined) return given.preset as ProviderName;
  if (given.issuer !== undefined) return guessProvider(given.issuer);
  if (ask === undefined) return undefined;
  const names = Object.keys(PROVIDERS) as ProviderName[];
  const width = Math.max(...names.map((name) => name.length));
  stderr.write('Which provider issues your tokens?\n\n');
  for (const [index, name] of names.entries()) {
    stderr.write(`  ${String(index + 1).padStart(2)}  ${name.padEnd(width)}  ${PROVIDERS[name].title}\n`);
  }
  stderr.write('\n');
  for (;;) {
    const answer = (await ask('Number or name: '))?.trim().toLowerCase();
    if (answer === undefined) return undefined;
    const chosen = names.find((name, index) => name === answer || String(index + 1) === answer);
    if (chosen !== undefined) return chosen;
    if (/^https?:/.test(answer)) stderr.write('  A number or name of the list first; the URL comes next.\n');
    else
      stderr.write(
        `  ${[`"${answer}" is not in the list`, didYouMean(answer, names) ?? ''].filter(Boolean).join(', ')}\n`,
      );
  }
}

interface Question {
  readonly given: string | undefined;
  readonly option: string;
  readonly question: string;
  readonly example: string;
  /** Taken where the answer is empty. */
  readonly usual?: string | undefined;
  readonly flaw: (answer: string) => string | undefined;
}

async function answerTo(
  { given, option, question, example, usual, flaw }: Question,
  { ask, stderr }: CommandIo,
): Promise<string | { readonly problem: string }> {
  if (given !== undefined) {
    const problem = flaw(given);
    return problem === undefined ? given : { problem: `${option}: ${problem}; such as ${example}` };
  }
  for (;;) {
    const shown = usual === undefined ? `(such as ${example})` : `[${usual}]`;
    const answer = await ask?.(`${question} ${shown}: `);
    if (answer === undefined) return { problem: 'nothing was written' };
    const text = answer.trim() || usual;
    const problem = text === undefined ? 'an answer is needed here' : flaw(text);
    if (text !== undefined && problem === undefined) return text;
    stderr.write(`  ${problem}\n`);
  }
}

/** A preset may compare the audience with the issuer; before it is asked for, it is the usual one. */
function usualAudience(provider: ProviderName, answer: string): string | undefined {
  return PROVIDERS[provider].audience.derive?.(answer);
}

function flawOfRepository(answer: string): string | undefined {
  return /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\/[A-Za-z0-9._-]+$/.test(answer)
    ? undefined
    : 'a repository is OWNER/NAME; the issuer of GitHub Actions is always the same';
}

function flawOfUpstream(answer: string): string | undefined {
  if (!URL.canParse(answer) || !/^https?:\/\//i.test(answer)) return 'a backend is an http: or https: URL';
  const { username, password, search, hash } = new URL(answer);
  return username + password + search + hash === ''
    ? undefined
    : 'the URL of a backend has no user, no `?` and no `#`';
}

function missing(options: readonly string[]): string {
  return `without a terminal to ask on, these options are needed: ${options.join(', ')}`;
}

function lower(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
