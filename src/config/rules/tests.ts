import { didYouMean } from '../nearest.ts';
import { error, type Rule } from '../rule.ts';

/** Whose token a test means is never left to the order of the file. */
export const testsNameTheirIssuer: Rule = ({ config, issuerNames }) =>
  config.tests.flatMap(({ token }, index) => {
    if (token === undefined) return [];
    const place = ['tests', index, 'token'];
    if (token.issuer === undefined) {
      return issuerNames.length === 1
        ? []
        : [error(place, 'this token does not say who issued it', { hint: 'name its `issuer`' })];
    }
    if (issuerNames.includes(token.issuer)) return [];
    return [
      error([...place, 'issuer'], `unknown issuer \`${token.issuer}\``, {
        hint: didYouMean(token.issuer, issuerNames) ?? `known here: ${issuerNames.join(', ')}`,
      }),
    ];
  });
