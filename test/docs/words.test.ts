import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);

/** Words that a reader of this field would have to learn, and what docs/glossary.md has in their place. */
const REPLACED: Readonly<Record<string, RegExp>> = {
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
  'American spelling': /\w(?:uthoris|ecognis|ormalis|erialis|nitialis|ehaviour|olours?\b)/,
};

t.test('one word for each thing: those that were replaced stay away', async (t) => {
  const files = ['src', 'docs'].flatMap((folder) =>
    (readdirSync(new URL(folder, root), { recursive: true }) as string[])
      .filter((name) => /\.(?:ts|md)$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  files.push('README.md', 'CONTRIBUTING.md');
  t.ok(files.length > 300);
  const found = files.flatMap((name) => {
    const lines = readFileSync(new URL(name, root), 'utf8').split('\n');
    return lines.flatMap((line, at) =>
      Object.entries(REPLACED)
        .filter(([, word]) => word.test(line))
        .map(([better, word]) => `${name}:${at + 1} ${word.exec(line)?.[0]} — better: ${better}`),
    );
  });
  t.same(found, []);
});
