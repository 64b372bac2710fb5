import type { ConfigPath, PathProblem } from '../../problem.ts';
import {
  acceptedIssuers,
  allAlternatives,
  allRules,
  namesIssuers,
  policyOf,
} from '../../routes/route-access.ts';
import type { AccessBlockConfig, Config } from '../../schema/config.ts';
import { error, type Rule, unknownName, warning } from '../rule.ts';

export const issuersOfAccessExist: Rule = ({ config, issuerNames }) => {
  const unknown = (names: readonly string[] | 'any' | undefined, path: ConfigPath): readonly PathProblem[] =>
    names === undefined || names === 'any'
      ? []
      : names.flatMap((name, index) =>
          issuerNames.includes(name)
            ? []
            : unknownName([...path, index], 'issuer', { name, names: issuerNames }),
        );
  return [
    ...unknown(config.defaults.issuers, ['defaults', 'issuers']),
    ...allRules(config).flatMap(({ rules, path }) => unknown(rules.issuers, [...path, 'issuers'])),
  ];
};

export const policiesOfAccessExist: Rule = ({ config, policyNames }) =>
  allAlternatives(config).flatMap(({ block: { policy: name }, path }) =>
    name === undefined || policyNames.includes(name)
      ? []
      : unknownName([...path, 'policy'], 'policy', { name, names: policyNames }),
  );

/** A block and its policy hold together only for issuers that both accept. */
export const policiesShareAnIssuer: Rule = ({ config, issuerNames }) =>
  allAlternatives(config)
    .filter(({ block }) => block.policy !== undefined && issuerNames.length > 0)
    .filter(({ block }) => acceptedIssuers(block, config).length === 0)
    .map(({ path }) => warning(path, 'this rule can never be true: it and its policy share no issuer'));

/** Which issuers a route accepts never depends on how many the file happens to have. */
export const accessNeedsAnIssuer: Rule = ({ config, issuerNames }) => {
  if (issuerNames.length === 1) return [];
  return allAlternatives(config)
    .filter(({ block }) => !namesIssuers(block, config) && !isOfUnknownPolicy(block, config))
    .map(({ path }) =>
      issuerNames.length === 0
        ? error(path, 'the file has no issuer whose tokens could be accepted', {
            hint: 'add one under `issuers`, or make the route `public`',
          })
        : error(path, `this access does not name which of the ${issuerNames.length} issuers it accepts`, {
            hint: 'name them in `issuers` here, or for all routes in `defaults.issuers`',
          }),
    );
};

/** The policy is missing or has errors, so its issuers are not known. */
function isOfUnknownPolicy(block: AccessBlockConfig, config: Config): boolean {
  return block.policy !== undefined && policyOf(block, config) === undefined;
}

/** Elsewhere Authorization holds the verified token, which `identity.forwardToken` passes on. */
export const authorizationIsPassedToOpenRoutesOnly: Rule = ({ config }) =>
  config.routes.flatMap(({ access, passAuthorization }, index) =>
    passAuthorization && access !== 'public' && access !== 'optional'
      ? [
          error(
            ['routes', index, 'passAuthorization'],
            '`passAuthorization` is for public and optional routes only',
            {
              hint: 'to pass on a verified token, set `identity.forwardToken: true`',
            },
          ),
        ]
      : [],
  );

/**
 * Browsers send cookies with a WebSocket handshake from any page, without a preflight. Without a list of origins every site
 * could open the socket as its visitor.
 */
export const cookieSocketsNameTheirOrigins: Rule = ({ config }) =>
  config.routes.flatMap(({ websocket, tokenFrom = [], cors }, index) => {
    const at = tokenFrom.findIndex((entry) => 'cookie' in entry);
    if (!websocket || at === -1) return [];
    const path = ['routes', index, 'tokenFrom', at, 'cookie'];
    if (cors === undefined) {
      return [
        error(path, 'every site could open a WebSocket here with the cookie of its visitor', {
          hint: "list the allowed pages in `cors.origins`; `cors: { origins: '*' }` allows every site",
        }),
      ];
    }
    if (cors.origins !== '*') return [];
    return [
      warning(path, 'every site may open a WebSocket here with the cookie of its visitor', {
        hint: 'list the origins, unless the cookie is `SameSite=Strict` or `Lax`',
      }),
    ];
  });

/** Names of headers are compared without case. */
export const tokenSourcesDiffer: Rule = ({ config }) =>
  config.routes.flatMap(({ tokenFrom = [] }, index) => {
    const places = tokenFrom.map((source) =>
      JSON.stringify('header' in source ? { header: source.header.toLowerCase() } : source),
    );
    return places.flatMap((place, at) =>
      places.indexOf(place) < at
        ? [error(['routes', index, 'tokenFrom', at], 'this place for a token is listed twice')]
        : [],
    );
  });

export const tokenSourcesAreLookedAt: Rule = ({ config }) =>
  config.routes.flatMap(({ access, tokenFrom }, index) =>
    access === 'public' && tokenFrom !== undefined
      ? [
          error(['routes', index, 'tokenFrom'], 'a public route reads no token', {
            hint: 'with `access: optional`, a token is verified if there is one',
          }),
        ]
      : [],
  );
