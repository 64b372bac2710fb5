import { isError, type PathProblem } from './problem.ts';
import type { Rule, RuleInput } from './rule.ts';
import {
  accessNeedsAnIssuer,
  authorizationIsPassedToOpenRoutesOnly,
  cookieSocketsNameTheirOrigins,
  issuersOfAccessExist,
  policiesOfAccessExist,
  policiesShareAnIssuer,
  tokenSourcesAreLookedAt,
} from './rules/access.ts';
import { assertionsCanBeVerified } from './rules/assertion.ts';
import { caseVariantsStayGuarded } from './rules/case-variants.ts';
import { claimNamesAreNoPaths } from './rules/claim-names.ts';
import { hostsHideNothing } from './rules/hidden-routes.ts';
import {
  identityHeadersAreFree,
  identitySourcesAreKnown,
  subjectsNeedTheirIssuer,
} from './rules/identity.ts';
import { intervalsAreSane, issuersAreReachable, issuersAreUnique } from './rules/issuers.ts';
import { listenersAreApart, responseHeadersDiffer, trustedProxiesAreAddresses } from './rules/listeners.ts';
import { methodsCanBeSent } from './rules/methods.ts';
import { identityHeadersAreSent, issuerClaimsCanHold, limitsFindWhomTheyCount } from './rules/pointless.ts';
import { requiredIssuersExist } from './rules/readiness.ts';
import { riskySettingsAreMeant } from './rules/risky-settings.ts';
import { routesDoNotConflict } from './rules/route-conflicts.ts';
import { routesAreWellFormed } from './rules/routes.ts';
import { scopesAreSpeltAlike } from './rules/scopes.ts';
import { testsNameTheirIssuer } from './rules/tests.ts';
import { everythingIsUsed } from './rules/unused.ts';
import { upstreamsAreWellFormed } from './rules/upstreams.ts';

/** Everything about the file that one value alone cannot tell. Each finds what it finds on its own; the order is for reading. */
const RULES: readonly Rule[] = [
  listenersAreApart,
  trustedProxiesAreAddresses,
  responseHeadersDiffer,
  issuersAreUnique,
  issuersAreReachable,
  intervalsAreSane,
  requiredIssuersExist,
  upstreamsAreWellFormed,
  identityHeadersAreFree,
  identitySourcesAreKnown,
  subjectsNeedTheirIssuer,
  assertionsCanBeVerified,
  routesAreWellFormed,
  methodsCanBeSent,
  routesDoNotConflict,
  issuersOfAccessExist,
  policiesOfAccessExist,
  accessNeedsAnIssuer,
  policiesShareAnIssuer,
  tokenSourcesAreLookedAt,
  cookieSocketsNameTheirOrigins,
  authorizationIsPassedToOpenRoutesOnly,
  riskySettingsAreMeant,
  hostsHideNothing,
  caseVariantsStayGuarded,
  scopesAreSpeltAlike,
  claimNamesAreNoPaths,
  testsNameTheirIssuer,
  everythingIsUsed,
  identityHeadersAreSent,
  issuerClaimsCanHold,
  limitsFindWhomTheyCount,
];

/** Every problem of a file whose single values are all valid. */
export function applyRules(input: RuleInput): readonly PathProblem[] {
  return RULES.flatMap((rule) => rule(input));
}

/** What is certain of a file of which only a part is valid: every error, and the warnings that one key alone causes. */
export function applyRulesToPart(input: RuleInput): readonly PathProblem[] {
  return RULES.flatMap((rule) => {
    const problems = rule(input);
    return rule === riskySettingsAreMeant ? problems : problems.filter(isError);
  });
}
