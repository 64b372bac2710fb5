import type { PathProblem } from '../../problem.ts';
import { ALGORITHMS } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

/** Made for something other than an API call; always refused. */
const FOREIGN: ReadonlySet<string> = new Set(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'refresh+jwt']);

/** Called a type elsewhere: in the payload of tokens, in responses of providers, in OpenAPI. */
const OTHER_TYPES =
  /^(?:bearer|dpop|id|access|refresh|logout|(?:access|id|refresh)[_-]?token|code|json|application\/json)$/i;

/** With or without `application/` (RFC 6838 §4.2). */
const MEDIA_TYPE = /^(?:[a-z]+\/)?[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$/i;

/** `typ` is one media type (RFC 7515 §4.1.9). */
export const tokenTypesCanCome: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, { tokenTypes = [] }]) =>
    tokenTypes.flatMap((type, index): readonly PathProblem[] => {
      const path = ['issuers', name, 'tokenTypes', index];
      const short = type.toLowerCase().replace(/^application\//, '');
      if (FOREIGN.has(short))
        return [error(path, `tokens of type \`${type}\` are never accepted for an API call`)];
      if (/^(?:\*|any|all|none|null|undefined|-)$/i.test(type)) {
        return [
          error(path, `\`${type}\` is not a type`, {
            hint: 'leave `tokenTypes` out for JWT, at+jwt and none',
          }),
        ];
      }
      if (type.includes(';')) return [error(path, 'a type is compared as a whole and has no parameters')];
      if (!MEDIA_TYPE.test(type) && !/[\s,]/.test(type)) {
        return [error(path, `\`${type}\` is not a media type, as \`typ\` must be (RFC 7515 §4.1.9)`)];
      }
      if ((ALGORITHMS as readonly string[]).includes(type) || /^HS(?:256|384|512)$/.test(type)) {
        return [error(path, `\`${type}\` is an algorithm, not a type`, { hint: 'list it in `algorithms`' })];
      }
      return OTHER_TYPES.test(type)
        ? [
            warning(path, `\`${type}\` is not a usual \`typ\` of a token header`, {
              hint: 'usual are JWT and at+jwt; `typ` in the payload is a claim',
            }),
          ]
        : [];
    }),
  );
