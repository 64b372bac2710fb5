import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

interface Bounds {
  /** Fewer bytes hold nothing. */
  readonly least: number;
  /** Fewer bytes hold little. */
  readonly usual: number;
  readonly words: string;
}

const SIZES: Readonly<Record<string, Bounds>> = {
  'listen.limits.headerBytes': {
    least: 32,
    usual: 2048,
    words: 'browsers and tokens need more header fields',
  },
  'listen.limits.tokenBytes': { least: 128, usual: 1024, words: 'most signed tokens are longer' },
  'issuers.*.keys.maxBytes': { least: 128, usual: 2048, words: 'most key sets are larger' },
  'issuers.*.introspection.cache.maxBytes': {
    least: 4096,
    usual: 65_536,
    words: 'few responses fit; `active: 0s` and `inactive: 0s` keep none',
  },
  'tokenCache.maxBytes': { least: 4096, usual: 65_536, words: 'few tokens fit; `off` turns the cache off' },
  'upstreams.*.exchange.maxBytes': { least: 4096, usual: 65_536, words: 'few tokens fit' },
  'identity.maxBytes': { least: 32, usual: 256, words: 'the headers of most callers need more' },
  'identity.headers.*.maxBytes': { least: 1, usual: 8, words: 'few values fit' },
  'routes.*.identity.headers.*.maxBytes': { least: 1, usual: 8, words: 'few values fit' },
};

/** Servers accept 8 to 64 KiB of header fields in all. */
const MOST_IDENTITY_BYTES = 64 * 1024;
const DEFAULT_TOKEN_BYTES = 16 * 1024;

/** A limit that nothing fits into refuses every request. */
export const sizesMakeSense: Rule = ({ config }) => {
  const { headerBytes, tokenBytes } = config.listen.limits;
  return [
    ...(config.identity.maxBytes > MOST_IDENTITY_BYTES
      ? [
          warning(
            ['identity', 'maxBytes'],
            'unusually large: most backends refuse so many bytes of header fields',
            {
              hint: 'the default is 8KiB',
            },
          ),
        ]
      : []),
    ...Object.entries(SIZES).flatMap(([pattern, { least, usual, words }]) =>
      valuesAt(config, pattern).flatMap(({ path, value }): readonly PathProblem[] => {
        if ((value as number) < least) return [error(path, `nothing fits into this: ${words}`)];
        return (value as number) < usual ? [warning(path, `unusually small: ${words}`)] : [];
      }),
    ),
    // Not where it is left at its default.
    ...(tokenBytes > headerBytes && tokenBytes !== DEFAULT_TOKEN_BYTES
      ? [
          warning(['listen', 'limits', 'tokenBytes'], 'a token of this size exceeds `headerBytes`', {
            hint: 'raise `headerBytes` above it',
          }),
        ]
      : []),
    ...['identity.headers.*.maxBytes', 'routes.*.identity.headers.*.maxBytes'].flatMap((pattern) =>
      valuesAt(config, pattern)
        .filter(({ value }) => (value as number) > config.identity.maxBytes)
        .map(({ path }) =>
          warning(path, 'this is more than `identity.maxBytes`, the limit of all identity headers together', {
            hint: 'raise that limit above it',
          }),
        ),
    ),
  ];
};
