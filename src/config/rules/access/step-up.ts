import type { ConfigPath, PathProblem } from '../../problem.ts';
import {
  type AccessAlternative,
  acceptedIssuers,
  accessAlternatives,
  allAlternatives,
  allRules,
  mcpAlternatives,
  policyOf,
} from '../../routes/route-access.ts';
import type { AccessBlockConfig, Config, PolicyConfig } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

/** The `max_age` of a challenge has whole seconds (RFC 9470 §3). */
export const authAgesAreWholeSeconds: Rule = ({ config }) =>
  allRules(config).flatMap(({ rules: { maxAuthAge: age }, path }) => {
    if (age === undefined || (age >= 1000 && age % 1000 === 0)) return [];
    return [
      error([...path, 'maxAuthAge'], 'expected whole seconds, at least one: clients are asked for them', {
        hint: 'write it as 30s, 10m or 24h',
      }),
    ];
  });

/** A token passes for as long as both together, and with the tolerance alone already. */
export const authAgesExceedTolerance: Rule = ({ config }) =>
  allAlternatives(config).flatMap(({ block, path }) => {
    const { age, place } = ageOf(block, path, config);
    if (age === undefined || age < 1000) return [];
    const issuer = acceptedIssuers(block, config).find(
      (name) => (config.issuers[name]?.clockTolerance ?? 0) >= age,
    );
    if (issuer === undefined) return [];
    return [
      warning(
        place,
        `\`clockTolerance\` of issuer \`${issuer}\` is added to this, and is at least as long: users may have authenticated twice as long ago`,
        { hint: 'make one longer, or the other shorter' },
      ),
    ];
  });

/** The least of a block and its policy, and where it stands. */
function ageOf(
  block: AccessBlockConfig,
  path: ConfigPath,
  config: Config,
): { readonly age: number | undefined; readonly place: ConfigPath } {
  const ofPolicy = policyOf(block, config)?.maxAuthAge ?? Number.POSITIVE_INFINITY;
  const own = block.maxAuthAge ?? Number.POSITIVE_INFINITY;
  const age = Math.min(own, ofPolicy);
  if (age === Number.POSITIVE_INFINITY) return { age: undefined, place: path };
  if (own === age) return { age, place: [...path, 'maxAuthAge'] };
  return { age, place: ['policies', block.policy as string, 'maxAuthAge'] };
}

/** A token has one `acr`: what two rules ask for together must have one in common. */
export const classesCanBeMet: Rule = ({ config }) => [
  ...allRules(config).flatMap(({ rules, path }) => repeatedClasses(rules, path)),
  ...allAlternatives(config).flatMap(({ block, path }) => {
    const ofPolicy = policyOf(block, config)?.acr;
    return block.acr === undefined || ofPolicy === undefined || overlap(block.acr, ofPolicy)
      ? []
      : [
          warning(
            [...path, 'acr'],
            `this rule can never be true: a token has one \`acr\`, and policy \`${block.policy}\` asks for another`,
          ),
        ];
  }),
  ...config.routes.flatMap((route, index) => {
    if (route.mcp === undefined || route.access === 'public') return [];
    const admitted = accessAlternatives(route.access, []).map(({ block }) => classesOf(block, config));
    return mcpAlternatives(route, config, ['routes', index]).flatMap(({ block, path }: AccessAlternative) => {
      const asked = classesOf(block, config);
      if (asked === undefined || asked.length === 0) return [];
      if (admitted.some((classes) => classes === undefined || overlap(classes, asked))) return [];
      return [
        warning(
          [...path, block.acr === undefined ? 'policy' : 'acr'],
          'this rule can never be true: a token has one `acr`, and the access of the route asks for another',
        ),
      ];
    });
  }),
];

function repeatedClasses({ acr = [] }: PolicyConfig, path: ConfigPath): readonly PathProblem[] {
  return acr.flatMap((name, at) =>
    acr.indexOf(name) < at ? [warning([...path, 'acr', at], `\`${name}\` is listed twice`)] : [],
  );
}

/** The classes that a block and its policy leave; undefined where they ask for none. */
function classesOf(block: AccessBlockConfig, config: Config): readonly string[] | undefined {
  const ofPolicy = policyOf(block, config)?.acr;
  if (block.acr === undefined || ofPolicy === undefined) return block.acr ?? ofPolicy;
  return block.acr.filter((name) => ofPolicy.includes(name));
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.some((name) => b.includes(name));
}
