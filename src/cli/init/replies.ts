import { didYouMean } from '../../config/diagnostics/nearest.ts';
import type { CommandIo } from '../io.ts';
import { findFlaw, guessProvider, type IssuerKeys, PROVIDERS, type ProviderName } from './providers.ts';

/** What the command line states; the rest is asked for. */
export interface Given {
  readonly preset: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly upstream: string | undefined;
}

/** All that the new file is made of. */
export interface Replies {
  readonly provider: ProviderName;
  readonly keys: IssuerKeys;
  readonly audience: string;
  readonly upstream: string;
  /** GitHub Actions: whose workflows may call. */
  readonly repository: string | undefined;
}

/** Takes what is given, and asks on a terminal for the rest. A text is why there are no replies. */
export async function collectReplies(given: Given, io: CommandIo): Promise<Replies | string> {
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
  const derivedAudience = (reply: string | undefined) =>
    reply === undefined && issuer !== undefined ? undefined : audience.derive?.(reply ?? '');

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

  const read = (reply: string): IssuerKeys => ({ ...preset, ...issuer?.read(reply) });
  const flawOfIssuer = (reply: string) =>
    provider === 'github-actions'
      ? flawOfRepository(reply)
      : findFlaw(read(reply), usualAudience(provider, reply));
  const issuerReply =
    issuer === undefined
      ? ''
      : await replyTo({ given: given.issuer, option: '--issuer', ...issuer, flaw: flawOfIssuer }, io);
  if (typeof issuerReply !== 'string') return issuerReply.problem;
  const keys = read(issuerReply);
  const audienceReply = await replyTo(
    {
      given: given.audience ?? (ask === undefined ? derivedAudience(issuerReply) : undefined),
      option: '--audience',
      ...audience,
      usual: derivedAudience(issuerReply),
      flaw: (reply) =>
        reply === 'any' ? '`any` would accept tokens made for other APIs' : findFlaw(keys, reply),
    },
    io,
  );
  if (typeof audienceReply !== 'string') return audienceReply.problem;
  const upstream = await replyTo(
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
    audience: audienceReply,
    upstream,
    repository: provider === 'github-actions' ? issuerReply : undefined,
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
    const reply = (await ask('Number or name: '))?.trim().toLowerCase();
    if (reply === undefined) return undefined;
    const chosen = names.find((name, index) => name === reply || String(index + 1) === reply);
    if (chosen !== undefined) return chosen;
    if (/^https?:/.test(reply)) stderr.write('  A number or name of the list first; the URL comes next.\n');
    else
      stderr.write(
        `  ${[`"${reply}" is not in the list`, didYouMean(reply, names) ?? ''].filter(Boolean).join(', ')}\n`,
      );
  }
}

interface Question {
  readonly given: string | undefined;
  readonly option: string;
  readonly question: string;
  readonly example: string;
  /** Taken where the reply is empty. */
  readonly usual?: string | undefined;
  readonly flaw: (reply: string) => string | undefined;
}

async function replyTo(
  { given, option, question, example, usual, flaw }: Question,
  { ask, stderr }: CommandIo,
): Promise<string | { readonly problem: string }> {
  if (given !== undefined) {
    const problem = flaw(given);
    return problem === undefined ? given : { problem: `${option}: ${problem}; such as ${example}` };
  }
  for (;;) {
    const shown = usual === undefined ? `(such as ${example})` : `[${usual}]`;
    const reply = await ask?.(`${question} ${shown}: `);
    if (reply === undefined) return { problem: 'nothing was written' };
    const text = reply.trim() || usual;
    const problem = text === undefined ? 'an reply is needed here' : flaw(text);
    if (text !== undefined && problem === undefined) return text;
    stderr.write(`  ${problem}\n`);
  }
}

/** A preset may compare the audience with the issuer; before it is asked for, it is the usual one. */
function usualAudience(provider: ProviderName, reply: string): string | undefined {
  return PROVIDERS[provider].audience.derive?.(reply);
}

function flawOfRepository(reply: string): string | undefined {
  return /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\/[A-Za-z0-9._-]+$/.test(reply)
    ? undefined
    : 'a repository is OWNER/NAME; the issuer of GitHub Actions is always the same';
}

function flawOfUpstream(reply: string): string | undefined {
  if (!URL.canParse(reply) || !/^https?:\/\//i.test(reply)) return 'a backend is an http: or https: URL';
  const { username, password, search, hash } = new URL(reply);
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
