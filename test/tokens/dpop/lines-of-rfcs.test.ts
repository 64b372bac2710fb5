import { readFileSync } from 'node:fs';
import t from 'tap';

const PROOFS = 'test/tokens/dpop/verify-proof.test.ts';
const SERVING = 'test/gateway/serving/dpop.test.ts';

interface Line {
  readonly section: string;
  readonly title: string;
  /** Tests or rows of tests by their names, which show what the gateway does about it; of `PROOFS`, also all rows with the section's number. */
  readonly shown?: readonly (readonly [file: string, name: string])[];
  /** What is not for a resource server to do, or is left to others by design. */
  readonly why?: string;
}

/** Each section of the security considerations of DPoP. */
const RFC9449: readonly Line[] = [
  {
    section: '11.1',
    title: 'DPoP Proof Replay',
    shown: [
      [SERVING, 'a proof is good once, up to its last moment'],
      [SERVING, 'a memory that is full refuses, and forgets nothing'],
      [SERVING, 'a store that cannot be asked refuses'],
      [
        'test/tokens/replay/memory-replay-store.test.ts',
        'a clock that is set forward and back makes no proof good twice',
      ],
      [
        'test/tokens/replay/redis-replay-store.test.ts',
        'a proof is good once at all gateways that share the store',
      ],
      ['test/tokens/replay/redis-replay-store.test.ts', 'it goes away, and comes back without what it held'],
    ],
  },
  {
    section: '11.2',
    title: 'DPoP Proof Pre-generation',
    shown: [
      [PROOFS, 'at the edges of its time'],
      [SERVING, 'nonces'],
      ['test/tokens/replay/nonces.test.ts', 'what nobody issued is unknown'],
    ],
  },
  {
    section: '11.3',
    title: 'DPoP Nonce Downgrade',
    shown: [
      [SERVING, 'nonces'],
      ['test/tokens/replay/nonces.test.ts', 'nonces that are too old ask for no secret'],
    ],
    why: 'With `nonce: off` no nonce is ever given, so there is nothing to fall back from.',
  },
  {
    section: '11.4',
    title: 'Untrusted Code in the Client Context',
    shown: [[SERVING, 'nonces']],
    why: 'It concerns clients: a script within one can sign with its key. A nonce limits what it can take along.',
  },
  { section: '11.5', title: 'Signed JWT Swapping', shown: [['test/attack/bad-tokens.ts', 'a DPoP proof']] },
  {
    section: '11.6',
    title: 'Signature Algorithms',
    shown: [[PROOFS, 'every algorithm of the file, by each of its names']],
  },
  {
    section: '11.7',
    title: 'Request Integrity',
    shown: [[PROOFS, 'a query']],
    why: 'By design a proof covers method and URI, neither fields nor body, nor the query; docs/dpop.md has that.',
  },
  {
    section: '11.8',
    title: 'Access Token and Public Key Binding',
    shown: [
      ['test/tokens/dpop/rfc9449-vectors.test.ts', 'the thumbprint of RFC 7638 §3.1'],
      [PROOFS, 'a key that is remembered is checked against each token, issuer and signature'],
      [SERVING, 'another key'],
    ],
  },
  {
    section: '11.9',
    title: 'Authorization Code and Public Key Binding',
    why: 'It concerns authorization servers (`dpop_jkt`): a resource server sees no codes.',
  },
  {
    section: '11.10',
    title: 'Hash Algorithm Agility',
    shown: [[SERVING, 'a thumbprint by another hash']],
    why: 'SHA-256 alone is defined. A member of `cnf` for another hash is one that nothing can be proven by, so that the token is refused.',
  },
  {
    section: '11.11',
    title: 'Binding to Client Identity',
    shown: [[SERVING, 'a bound token passes with a proof, and goes up as identity alone']],
    why: 'It concerns authorization servers that authenticate clients. Here the identity is that of the token; a key gives none.',
  },
];

/** Each practice of RFC 8725, as it applies to proofs. Those for tokens are in the tests of `tokens/jwt` and in `test/attack/tokens.test.ts`. */
const RFC8725: readonly Line[] = [
  { section: '3.1', title: 'Perform Algorithm Verification' },
  { section: '3.2', title: 'Use Appropriate Algorithms' },
  { section: '3.3', title: 'Validate All Cryptographic Operations' },
  { section: '3.4', title: 'Validate Cryptographic Inputs' },
  { section: '3.5', title: 'Ensure Cryptographic Keys Have Sufficient Entropy' },
  {
    section: '3.6',
    title: 'Avoid Compression of Encryption Inputs',
    why: 'Nothing encrypted is accepted, and a header with `zip` is not read further.',
  },
  { section: '3.7', title: 'Use UTF-8' },
  {
    section: '3.8',
    title: 'Validate Issuer and Subject',
    why: 'A proof has neither: its key must be the one that the token names, whose issuer and subject were validated.',
  },
  {
    section: '3.9',
    title: 'Use and Validate Audience',
    why: 'The audience of a proof is its `htu`, which is compared with what the file has, not with `Host`.',
  },
  {
    section: '3.10',
    title: 'Do Not Trust Received Claims',
    shown: [
      [PROOFS, 'a key id and further members'],
      [
        'test/tokens/replay/redis-replay-store.test.ts',
        'nothing of key, token or client can be read there, and all of it expires',
      ],
    ],
  },
  { section: '3.11', title: 'Use Explicit Typing' },
  {
    section: '3.12',
    title: 'Use Mutually Exclusive Validation Rules for Different Kinds of JWTs',
    shown: [['test/attack/bad-tokens.ts', 'a DPoP proof']],
  },
];

const texts = new Map<string, string>();
function read(file: string): string {
  const text = texts.get(file) ?? readFileSync(file, 'utf8');
  texts.set(file, text);
  return text;
}

/** The names of rows with a section's number. */
const numbered = (prefix: string) =>
  [...read(PROOFS).matchAll(new RegExp(`'${prefix}(\\d+\\.\\d+) [^']+'`, 'g'))].map(([, section]) => section);

for (const { name, lines, prefix, chapter, count } of [
  { name: 'RFC 9449 §11', lines: RFC9449, prefix: '§(?=11)', chapter: 11, count: 11 },
  { name: 'RFC 8725 §3', lines: RFC8725, prefix: '8725 §', chapter: 3, count: 12 },
]) {
  t.test(`every section of ${name} is shown by a test, or is not for us`, async (t) => {
    t.same(
      lines.map(({ section }) => section),
      Array.from({ length: count }, (_, index) => `${chapter}.${index + 1}`),
    );
    const rows = numbered(prefix);
    t.ok(rows.length > 10);
    t.same(
      rows.filter((section) => !lines.some((line) => line.section === section)),
      [],
      'rows of sections that do not exist',
    );
    for (const { section, title, shown = [], why } of lines) {
      for (const [file, test] of shown)
        t.ok(read(file).includes(`'${test}'`), `${section}: ${file}: ${test}`);
      t.ok(shown.length > 0 || why !== undefined || rows.includes(section), `${section} ${title}`);
    }
  });
}
