import { readdirSync, readFileSync, statSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);

/** Words that a reader of this field would have to learn, by their replacement in docs/glossary.md. */
const RENAMED: Readonly<Record<string, RegExp>> = {
  'client or caller': /\baskers?\b/i,
  'active, takes effect': /\bin(?:to)? force\b/i,
  'in-flight set, in-flight count': /\b(?:roster|tenure|lease)s?\b/i,
  policy: /\b[Rr]ulings?\b/,
  result: /\bverdicts?\b/i,
  'acquire, release': /\b(?:lent|borrow(?:s|ed)?|give(?:s)?Back)\b/i,
  hint: /\bremed(?:y|ies)\b/i,
  authorize: /\bjudge?ments?\b/i,
  'DispatchHandler, Dispatcher': /\b(?:AnswerHandler|Carrier|KeyDesk|Letter|Fleet|Lasting)\b/,
  UpstreamRequestPlan: /\b(?:RouteForwarding|ForwardPlan|ForwardPath)\b/,
  'American spelling': /\w(?:uthoris|ecognis|ormalis|erialis|nitialis|ehaviour|olours?\b)|\blicences?\b/,
};

/** Words that personify code or that HTTP has another word for. */
const PROSE: Readonly<Record<string, RegExp>> = {
  'response, respond': /\banswer(?:s|ed|ing)?\b/i,
  'validate, verify, check, decide, authorize': /\bjudg(?:es?|ed|ing)\b/i,
  'the client, anyone who': /\bwhoever\b/i,
  'report, reads, names, knows': /\b(?:told|tells|telling)\b/i,
  'has, names, states, means': /\b(?:says|said|saying)\b/i,
  'the name of the thing or its RFC section': /\bthreats? [A-Z]\d/,
};

const BOTH = { ...RENAMED, ...PROSE };

/** The words that each folder or file is free of. */
const AREAS: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  'README.md': BOTH,
  'CONTRIBUTING.md': BOTH,
  'CHANGELOG.md': BOTH,
  Dockerfile: BOTH,
  '.ci': BOTH,
  bench: BOTH,
  config: BOTH,
  demo: BOTH,
  deploy: BOTH,
  docs: BOTH,
  scripts: BOTH,
  src: RENAMED,
  'src/admin': BOTH,
  'src/cli': BOTH,
  'src/config': BOTH,
  'src/core': BOTH,
  'src/http': BOTH,
  'src/pipeline': BOTH,
  'src/proxy': BOTH,
  'src/simulate': BOTH,
  'src/tokens': BOTH,
  'test/core': BOTH,
  'test/deploy': BOTH,
  'test/differential': BOTH,
  'test/docs': BOTH,
  'test/e2e': BOTH,
  'test/fuzz': BOTH,
  'test/http': BOTH,
  'test/pipeline': BOTH,
  'test/storm': BOTH,
  'test/support/pipeline': BOTH,
};

/** Not prose, or this list. */
const SKIPPED = /\.(?:png|json)$|node_modules|^test\/docs\/words\.test\.ts$/;
/** Messages that alerts may match keep their words; in pages, code spans quote them. */
const QUOTED = /the rate limit store (?:does not answer|answers again)/g;

function filesOf(area: string): readonly string[] {
  if (statSync(new URL(area, root)).isFile()) return [area];
  return (readdirSync(new URL(area, root), { recursive: true }) as string[])
    .map((name) => `${area}/${name}`)
    .filter((name) => !SKIPPED.test(name) && statSync(new URL(name, root)).isFile());
}

for (const [area, words] of Object.entries(AREAS)) {
  t.test(`${area} has none of the replaced words`, async (t) => {
    const files = filesOf(area);
    t.ok(files.length > 0);
    const found = files.flatMap((name) => {
      const lines = readFileSync(new URL(name, root), 'utf8').replaceAll(QUOTED, '').split('\n');
      return lines.flatMap((line, at) =>
        Object.entries(words)
          .filter(([, word]) => word.test(line))
          .map(([better, word]) => `${name}:${at + 1} ${word.exec(line)?.[0]} — better: ${better}`),
      );
    });
    t.same(found, []);
  });
}
