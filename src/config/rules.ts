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
  tokenSourcesDiffer,
} from './rules/access.ts';
import { adminTokenCanBeSent } from './rules/admin-token.ts';
import { assertionsCanBeVerified } from './rules/assertion.ts';
import { audiencesCanMatch } from './rules/audiences.ts';
import { caseVariantsStayGuarded } from './rules/case-variants.ts';
import { claimNamesAreNoPaths } from './rules/claim-names.ts';
import { claimRulesCanHold } from './rules/claim-rules.ts';
import { comparedTextsAreNoPatterns } from './rules/compared-texts.ts';
import { durationsMakeSense } from './rules/durations.ts';
import { filtersCanMatch } from './rules/filters.ts';
import { hostsHideNothing } from './rules/hidden-routes.ts';
import {
  identityHeadersAreFree,
  identitySourcesAreKnown,
  subjectsNeedTheirIssuer,
} from './rules/identity.ts';
import { settingsHaveTheirOccasion } from './rules/idle-settings.ts';
import { issuersAreSpeltAsInTokens } from './rules/issuer-spelling.ts';
import { intervalsAreSane, issuersAreReachable, issuersAreUnique } from './rules/issuers.ts';
import { keyHeadersCanBeSent } from './rules/key-headers.ts';
import { addressesAreAddresses } from './rules/listener-addresses.ts';
import { listenersAreApart, responseHeadersDiffer, trustedProxiesAreAddresses } from './rules/listeners.ts';
import { listsAreLists } from './rules/lists-in-texts.ts';
import { methodsCanBeSent } from './rules/methods.ts';
import { identityHeadersAreSent, issuerClaimsCanHold, limitsFindWhomTheyCount } from './rules/pointless.ts';
import { requiredIssuersExist } from './rules/readiness.ts';
import { riskySettingsAreMeant } from './rules/risky-settings.ts';
import { routesDoNotConflict } from './rules/route-conflicts.ts';
import { routesAreWellFormed } from './rules/routes.ts';
import { scopesAreNotComparedAsText } from './rules/scope-claims.ts';
import { scopesAreSpeltAlike } from './rules/scopes.ts';
import { sizesMakeSense } from './rules/sizes.ts';
import { testsCanPass, testsNameTheirIssuer } from './rules/tests.ts';
import { tokenTypesCanCome } from './rules/token-types.ts';
import { everythingIsUsed } from './rules/unused.ts';
import { upstreamsLeadToBackends } from './rules/upstream-targets.ts';
import { upstreamsAreWellFormed } from './rules/upstreams.ts';
import { wildcardsAreWhereTheyWork } from './rules/wildcards.ts';

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
  tokenSourcesDiffer,
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
  testsCanPass,
  addressesAreAddresses,
  adminTokenCanBeSent,
  durationsMakeSense,
  sizesMakeSense,
  issuersAreSpeltAsInTokens,
  audiencesCanMatch,
  tokenTypesCanCome,
  keyHeadersCanBeSent,
  upstreamsLeadToBackends,
  filtersCanMatch,
  listsAreLists,
  wildcardsAreWhereTheyWork,
  comparedTextsAreNoPatterns,
  claimRulesCanHold,
  scopesAreNotComparedAsText,
  settingsHaveTheirOccasion,
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
