import { didYouMean } from '../../diagnostics/nearest.ts';
import { error, type Rule } from '../rule.ts';

export const requiredIssuersExist: Rule = ({ config, issuerNames }) =>
  config.readiness.require.flatMap((name, index) =>
    issuerNames.includes(name)
      ? []
      : [
          error(['readiness', 'require', index], `unknown issuer \`${name}\``, {
            hint: didYouMean(name, issuerNames) ?? 'name it under `issuers`',
          }),
        ],
  );
