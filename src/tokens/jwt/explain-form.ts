import type { Cause } from '../../core/causes.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';

/** Refuses what is not three parts of base64url, with the likeliest mistake of the client. The reason never quotes the token. */
export function refuseForm(rawToken: string): Refusal {
  const [, cause, reason] = HABITS.find(([looksSo]) => looksSo(rawToken)) ?? OTHERWISE;
  return refuse(cause, reason);
}

type Habit = readonly [looksSo: (raw: string) => boolean, cause: Cause, reason: string];

/** The first that fits, from the most specific to the least. */
const HABITS: readonly Habit[] = [
  [
    (raw) => PLACEHOLDER.test(raw),
    'token_placeholder',
    'a placeholder, such as `undefined` or a variable that was not filled in, stands in place of the token',
  ],
  [(raw) => /^["'`]|["'`]$/.test(raw), 'token_quoted', 'the token has quotes around it'],
  [
    (raw) => raw.startsWith('{'),
    'token_json',
    'the token is in the JSON form of JWS, not in the compact one',
  ],
  [
    (raw) => /[^.]\.\.\.[^.]|\u2026/.test(raw),
    'token_cut',
    'the token was shortened: it has an ellipsis in it',
  ],
  [(raw) => dotsOf(raw) === 4, 'token_encrypted', 'encrypted tokens (JWE) are not accepted'],
  [(raw) => dotsOf(raw) === 0, 'token_opaque', 'not a JWT; the provider may issue opaque tokens'],
  [
    (raw) => dotsOf(raw) === 1,
    'token_cut',
    'the token has two parts, and a JWT has three parts: its end is missing',
  ],
  [(raw) => dotsOf(raw) !== 2, 'token_parts', 'the token has more parts than the three parts of a JWT'],
  [(raw) => raw.endsWith('.'), 'token_unsigned', 'a part is empty: the token has no signature'],
  [(raw) => raw.split('.').includes(''), 'token_cut', 'a part is empty'],
  [
    (raw) => /[=+/]/.test(raw),
    'token_base64',
    'a part is not canonical base64url: it has the padding or the characters of plain base64',
  ],
  [(raw) => /%[0-9a-f]{2}/i.test(raw), 'token_percent_encoded', 'the token is percent-encoded'],
];

const OTHERWISE = [
  () => true,
  'token_not_base64url',
  'a part is not canonical base64url of UTF-8 text: characters were lost or changed',
] as const satisfies Habit;

const PLACEHOLDER =
  /^(?:undefined|null|nil|none|false|true|nan|token|access_token|your[-_].*|\[object .*|<.*>|\$\{?\w+\}?|%\w+%|\{\{.*)$/i;

/** Looks no further than it needs to: a token may be all dots. */
function dotsOf(raw: string): number {
  return raw.split('.', 8).length - 1;
}
