import { readdirSync, readFileSync, statSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);

/** Words that a reader of this field would have to learn, by their replacement in docs/glossary.md. */
const REPLACED: Readonly<Record<string, RegExp>> = {
  'response, respond': /answer/i,
  'validate, verify, check, decide, authorize': /judg/i,
  'client, caller': /\b[Aa]skers?\b|[a-z]Asker/,
  'the client, anyone who': /\bwhoever\b/i,
  'report, show, name, distinguish': /\b(?:told|tells?|telling)\b/i,
  'have, name, state, mean': /\b(?:says?|said|saying)\b/i,
  'active, takes effect': /\bin(?:to)? force\b/i,
  'DispatchHandler, DispatchController, Dispatcher': /\bcarriers?\b|\b(?:Sender|Carrier)/,
  'forward job, upstream request plan':
    /Forward(?:ing)?(?:Plan|Path)\b|RouteForwarding|\bforward-p(?:lan|ath)\b/i,
  retry: /\b(?:a|another|each|every|further|last|next|second) tr(?:y|ies)\b/i,
  'acquire, release': /\b(?:lent|lend(?:s|er|ers|ing)?|borrow\w*|g[ia]ven?s? ?back)\b/i,
  idle: /\b(?:resting|at rest|rests|rest[- ]?time)\b/i,
  'in-flight set, in-flight count': /\b(?:rosters?|tenures?|leases?)\b/i,
  'key broker': /\bkey-?desks?\b/i,
  'RpcMessage, ServingProcesses, SharedState': /\b(?:Letter|Fleet|Lasting)(?:[A-Z]|\b)/,
  'request header filter': /(?:request|header)[ -]?firewall|\bfirewall[A-Z]/,
  'action, filtered': /\b[Ff]ates?\b|[a-z]Fate\b|\b[Ss]creened\b/,
  policy: /\brulings?\b/i,
  'consume, use up': /\bspen[dt]s?\b|\bspending\b/i,
  'strip, keep from': /\bwithh[eo]ld/i,
  'result, outcome': /\bverdicts?\b/i,
  get: /\b(?:seeks?|seeking|sought)\b|\bmaySeek/i,
  'report, warning, problem': /\bcomplain/i,
  'partial config': /\bsalvag/i,
  hint: /\bremed(?:y|ies)\b/i,
  harness: /\btest[- ]?stands?\b|\barenas?\b|\bhold-?front\b/i,
  'peer of the benchmark': /\bcontestants?\b/i,
  'the name of the thing, or its RFC section': /\b(?:[Tt]hreats?|[Cc]ases?) [A-Z]\d|\bcontract §/,
  'American spelling': new RegExp(
    [
      /(?:behavi|col|fav|flav|hon|neighb|lab|rum)our/,
      /(?:author|canonical|custom|emphas|final|general|initial|maxim|minim|normal|optim|organ|recogn|sanit|serial|special|standard|summar|synchron|token|util)is(?:e[drs]?|ing|ation)\b/,
      /\b(?:analys(?:e|ed|ing)|artefacts?|cancell(?:ed|ing)|catalogues?|centres?|defences?|fulfils?|grey|labell(?:ed|ing)|licences?|modell(?:ed|ing)|spelt|whilst)\b/,
    ]
      .map(({ source }) => source)
      .join('|'),
    'i',
  ),
};

/** Messages that alerts may match keep their words; pages and tests quote them. So does the name of a method of MCP. */
const QUOTED = /the rate limit store (?:does not answer|answers again)|notifications\/cancelled/g;

const ignored = readFileSync(new URL('.gitignore', root), 'utf8').split('\n');
/** Not part of the repository, not text, or this list. */
const SKIPPED =
  /(?:^|\/)(?:\.git|node_modules)(?:\/|$)|\.png$|package-lock\.json$|^test\/docs\/words\.test\.ts$/;

function filesOf(entry: string): readonly string[] {
  if (statSync(new URL(entry, root)).isFile()) return [entry];
  return (readdirSync(new URL(entry, root), { recursive: true }) as string[])
    .map((name) => `${entry}/${name}`)
    .filter((name) => !SKIPPED.test(name) && statSync(new URL(name, root)).isFile());
}

const entries = readdirSync(root).filter(
  (name) => !SKIPPED.test(name) && !ignored.includes(name) && !ignored.includes(`${name}/`),
);

t.ok(['src', 'test', 'docs', 'README.md'].every((name) => entries.includes(name)));

for (const entry of entries) {
  t.test(`${entry} has none of the replaced words`, async (t) => {
    const found = filesOf(entry).flatMap((name) => {
      const lines = readFileSync(new URL(name, root), 'utf8').replaceAll(QUOTED, '').split('\n');
      return lines.flatMap((line, at) =>
        Object.entries(REPLACED)
          .filter(([, word]) => word.test(line))
          .map(([better, word]) => `${name}:${at + 1} ${word.exec(line)?.[0]} — better: ${better}`),
      );
    });
    t.same(found, []);
  });
}
