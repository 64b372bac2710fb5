import { isError, type PathProblem } from '../problem.ts';
import {
  accessNeedsAnIssuer,
  authorizationIsPassedToOpenRoutesOnly,
  cookieSocketsNameTheirOrigins,
  issuersOfAccessExist,
  policiesOfAccessExist,
  policiesShareAnIssuer,
  tokenSourcesAreLookedAt,
  tokenSourcesDiffer,
} from './access/access.ts';
import { bindingsCanBeProven } from './access/binding.ts';
import { claimNamesAreNoPaths } from './access/claim-names.ts';
import { claimRulesCanHold, scopesAreNotComparedAsText } from './access/claim-rules.ts';
import { comparedTextsAreNoPatterns } from './access/compared-texts.ts';
import { filtersCanMatch } from './access/filters.ts';
import { listsAreLists } from './access/lists-in-texts.ts';
import {
  resourcesNameScopesInFull,
  scopePrefixesStandBeforeScopes,
  scopesAreSpelledAlike,
  scopesAreThoseOfTokens,
} from './access/scopes.ts';
import { authAgesAreWholeSeconds, authAgesExceedTolerance, classesCanBeMet } from './access/step-up.ts';
import { tokenPlacesHoldTokens } from './access/token-places.ts';
import { wildcardsAreWhereTheyWork } from './access/wildcards.ts';
import { askedRoutesHaveTheirFront } from './decisions/asked-routes.ts';
import { askingProxiesAreServed } from './decisions/asking-proxies.ts';
import { routesOfDecisionsAreAskedAbout } from './decisions/decisions.ts';
import {
  assertionsCanBeVerified,
  identityHeadersAreFree,
  identitySourcesAreKnown,
  subjectsNeedTheirIssuer,
} from './identity/identity.ts';
import { identityHeadersMeanNothingElse } from './identity/other-meanings.ts';
import { audiencesCanMatch } from './issuers/audiences.ts';
import { proofAlgorithmsDiffer, proofsHaveTheirUri } from './issuers/dpop.ts';
import { eventsCanArrive } from './issuers/events.ts';
import {
  introspectionCanBeAsked,
  introspectionHasEffect,
  introspectionIsShared,
  opaqueTokensHaveOneIssuer,
} from './issuers/introspection.ts';
import { issuersAreSpelledAsInTokens } from './issuers/issuer-spelling.ts';
import {
  intervalsAreSane,
  issuersAreReachable,
  issuersAreUnique,
  keyHeadersCanBeSent,
  requiredIssuersExist,
} from './issuers/issuers.ts';
import { frontsCanServe } from './issuers/oauth-proxy.ts';
import { requiredClaimsCanCome } from './issuers/required-claims.ts';
import { tokenTypesCanCome } from './issuers/token-types.ts';
import {
  certificateHeadersCanBeRead,
  certificatesOfIdentityCanCome,
} from './listeners/client-certificates.ts';
import {
  addressesAreAddresses,
  adminTokenCanBeSent,
  listenersAreApart,
  responseHeadersDiffer,
} from './listeners/listeners.ts';
import { mcpEntriesHaveEffect, mcpPatternsDoNotTie, mcpRulesCanBeApplied } from './mcp/mcp.ts';
import {
  identifiersAreAudiences,
  identifiersAreWhatClientsWrite,
  metadataHidesNoRoute,
} from './resources/resource-clients.ts';
import {
  resourcesAreIdentified,
  resourcesAreProtected,
  resourcesDiffer,
  resourcesOfOthersExist,
} from './resources/resources.ts';
import { caseVariantsStayGuarded } from './routes/case-variants.ts';
import { corsHeadersServeScripts } from './routes/cors-headers.ts';
import { methodsCanBeSent } from './routes/methods.ts';
import { hostsHideNothing, routesDoNotConflict } from './routes/route-conflicts.ts';
import { routesAreWellFormed } from './routes/routes.ts';
import type { Rule, RuleInput } from './rule.ts';
import { durationsMakeSense } from './settings/durations.ts';
import {
  everythingIsUsed,
  identityHeadersAreSent,
  issuerClaimsCanHold,
  limitsCountCallers,
  limitsFindWhomTheyCount,
  settingsHaveTheirOccasion,
} from './settings/ineffective-settings.ts';
import { storesCanBeOpened } from './settings/redis-urls.ts';
import { entriesOutlastTokens } from './settings/revocation.ts';
import { riskySettingsAreMeant } from './settings/risky-settings.ts';
import { sizesMakeSense } from './settings/sizes.ts';
import { testTokensCanBeMade } from './settings/test-tokens.ts';
import { testsAreComplete, testsCanPass, testsNameTheirIssuer, testsSendMessages } from './settings/tests.ts';
import {
  assertionsAreSigned,
  exchangedTokensAreOfTheProvider,
  exchangedTokensStandAlone,
  exchangesCanBeRequested,
} from './upstreams/exchange.ts';
import { upstreamsLeadToBackends } from './upstreams/upstream-targets.ts';
import { upstreamsAreWellFormed } from './upstreams/upstreams.ts';

/** What no single value shows. The rules are independent; their order is for reading. */
const RULES: readonly Rule[] = [
  listenersAreApart,
  responseHeadersDiffer,
  issuersAreUnique,
  issuersAreReachable,
  intervalsAreSane,
  requiredIssuersExist,
  upstreamsAreWellFormed,
  identityHeadersAreFree,
  identityHeadersMeanNothingElse,
  identitySourcesAreKnown,
  subjectsNeedTheirIssuer,
  assertionsCanBeVerified,
  routesAreWellFormed,
  methodsCanBeSent,
  corsHeadersServeScripts,
  routesDoNotConflict,
  issuersOfAccessExist,
  policiesOfAccessExist,
  accessNeedsAnIssuer,
  policiesShareAnIssuer,
  tokenSourcesAreLookedAt,
  tokenSourcesDiffer,
  tokenPlacesHoldTokens,
  cookieSocketsNameTheirOrigins,
  authorizationIsPassedToOpenRoutesOnly,
  resourcesAreIdentified,
  resourcesOfOthersExist,
  resourcesDiffer,
  resourcesAreProtected,
  identifiersAreWhatClientsWrite,
  identifiersAreAudiences,
  metadataHidesNoRoute,
  riskySettingsAreMeant,
  hostsHideNothing,
  caseVariantsStayGuarded,
  scopesAreSpelledAlike,
  scopesAreThoseOfTokens,
  scopePrefixesStandBeforeScopes,
  resourcesNameScopesInFull,
  claimNamesAreNoPaths,
  testsNameTheirIssuer,
  everythingIsUsed,
  identityHeadersAreSent,
  issuerClaimsCanHold,
  limitsFindWhomTheyCount,
  limitsCountCallers,
  testsAreComplete,
  testsCanPass,
  testsSendMessages,
  testTokensCanBeMade,
  addressesAreAddresses,
  adminTokenCanBeSent,
  certificateHeadersCanBeRead,
  certificatesOfIdentityCanCome,
  bindingsCanBeProven,
  durationsMakeSense,
  sizesMakeSense,
  storesCanBeOpened,
  entriesOutlastTokens,
  issuersAreSpelledAsInTokens,
  audiencesCanMatch,
  tokenTypesCanCome,
  requiredClaimsCanCome,
  keyHeadersCanBeSent,
  introspectionCanBeAsked,
  introspectionHasEffect,
  introspectionIsShared,
  opaqueTokensHaveOneIssuer,
  frontsCanServe,
  eventsCanArrive,
  proofsHaveTheirUri,
  proofAlgorithmsDiffer,
  upstreamsLeadToBackends,
  exchangesCanBeRequested,
  exchangedTokensAreOfTheProvider,
  exchangedTokensStandAlone,
  assertionsAreSigned,
  routesOfDecisionsAreAskedAbout,
  askingProxiesAreServed,
  askedRoutesHaveTheirFront,
  filtersCanMatch,
  listsAreLists,
  wildcardsAreWhereTheyWork,
  comparedTextsAreNoPatterns,
  claimRulesCanHold,
  scopesAreNotComparedAsText,
  authAgesAreWholeSeconds,
  authAgesExceedTolerance,
  classesCanBeMet,
  settingsHaveTheirOccasion,
  mcpPatternsDoNotTie,
  mcpRulesCanBeApplied,
  mcpEntriesHaveEffect,
];

/** Every problem of a file whose single values are all valid. */
export function applyRules(input: RuleInput): readonly PathProblem[] {
  return RULES.flatMap((rule) => rule(input));
}

/** What is certain where only a part of the file is valid: every error, and the warnings that one key alone causes. */
export function applyRulesToPart(input: RuleInput): readonly PathProblem[] {
  return RULES.flatMap((rule) => {
    const problems = rule(input);
    return rule === riskySettingsAreMeant ? problems : problems.filter(isError);
  });
}
