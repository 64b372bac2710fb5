import type { McpKind } from '../../config/mcp/mcp-methods.ts';
import { REFUSALS, type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import { authorize, checkAddressing, findHeld } from '../access/authorize.ts';
import type { AccessBlock, AccessRules } from '../access/compile-access.ts';
import { joinStepUps } from '../access/step-up.ts';
import type { FilteredRequest } from '../messages/request.ts';
import type { ListVisibility } from './lists/list-visibility.ts';
import { findRule, type McpRules, type NameRules } from './mcp-rules.ts';
import type { Message } from './read-message.ts';
import { findUriFlaw, otherReadings } from './resource-uri.ts';

/** Who sent a message, on a route whose access held. */
export interface MessageCaller {
  /** Undefined where the route is public, or optional and no token came. */
  readonly token: VerifiedToken | undefined;
  readonly request: FilteredRequest;
  /** The access of the route. */
  readonly access: AccessRules;
}

/** Applies the rules of a route to a message: its method, then everything that it names. */
export function authorizeMessage(
  rules: McpRules,
  message: Message,
  caller: MessageCaller,
  trace?: Trace,
): Refusal | undefined {
  const { method, named, unnamed } = message;
  if (method === undefined) return undefined;
  if (rules.methods !== undefined) {
    const refusal = apply(rules.methods, method, { caller, trace, unmatched: 'allow' });
    if (refusal !== undefined) return refusal;
  }
  if (unnamed !== undefined && isRuled(rules, unnamed))
    return refuse('mcp_not_message', 'the method names nothing that a rule could be about');
  for (const { kind, name } of named) {
    const map = rules.kinds[kind];
    const refusal = map === undefined ? undefined : applyToName(map, kind, name, caller, trace);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** What lists show the caller: what it may use. */
export function visibilityOf(rules: McpRules, caller: MessageCaller): ListVisibility {
  return {
    mayUse(kind, name) {
      const map = rules.kinds[kind];
      if (map === undefined) return true;
      // A request that names such a URI is refused as it is read.
      if (kind === 'resources' && findUriFlaw(name) !== undefined) return false;
      return applyToName(map, kind, name, caller) === undefined;
    },
  };
}

function isRuled({ kinds }: McpRules, unnamed: NonNullable<Message['unnamed']>): boolean {
  if (unnamed !== 'ref') return kinds[unnamed] !== undefined;
  return kinds.prompts !== undefined || kinds.resources !== undefined;
}

/** A URI counts as written and as servers normalize it: the rule of each reading must let it. */
function applyToName(
  map: NameRules,
  kind: McpKind,
  name: string,
  caller: MessageCaller,
  trace?: Trace,
): Refusal | undefined {
  const refusal = apply(map, name, { caller, trace, unmatched: 'deny' });
  if (refusal !== undefined || kind !== 'resources') return refusal;
  const own = findRule(map, name);
  for (const reading of otherReadings(name)) {
    if (findRule(map, reading) === own) continue;
    const other = apply(map, reading, { caller, trace, unmatched: 'allow' });
    if (other !== undefined) return other;
  }
  return undefined;
}

interface Application {
  readonly caller: MessageCaller;
  readonly trace: Trace | undefined;
  /** What becomes of a name that nothing matches. */
  readonly unmatched: 'allow' | 'deny';
}

/** Reasons name rules of the file, never what the message names. */
function apply(map: NameRules, name: string, { caller, trace, unmatched }: Application): Refusal | undefined {
  const found = findRule(map, name);
  const step = map.label;
  if (found === undefined) {
    const refusal =
      unmatched === 'allow' ? undefined : refuse('mcp_unlisted', `no rule of \`${step}\` matches the name`);
    trace?.add({ step, ok: refusal === undefined, got: refusal?.reason ?? 'no rule matches: allowed' });
    return refusal;
  }
  const { pattern, rule } = found;
  const shown = `rule ${JSON.stringify(pattern)}`;
  if (rule === 'allow' || rule === 'deny') {
    const refusal = rule === 'allow' ? undefined : refuse('mcp_denied', `${shown} of \`${step}\` denies it`);
    trace?.add({ step, ok: refusal === undefined, got: refusal?.reason ?? `${shown} allows it` });
    return refusal;
  }
  trace?.add({ step, ok: true, got: `${shown} has further rules` });
  return authorizeCaller(rule, caller, step, trace);
}

/** A challenge names what the whole operation needs: of the route's alternative that holds, and of the rule. */
function authorizeCaller(
  rule: AccessRules,
  { token, request, access }: MessageCaller,
  step: string,
  trace: Trace | undefined,
): Refusal | undefined {
  if (token === undefined) {
    const refusal = refuse(
      'token_missing',
      `a rule of \`${step}\` needs a token, and the request carries none`,
      joinNeeds(access.blocks[0], rule.blocks[0]),
    );
    trace?.add({ step: 'token', ok: false, got: refusal.reason });
    return refusal;
  }
  const caller = { token, request };
  const refusal = checkAddressing(rule, caller, trace) ?? authorize(rule, caller, trace);
  // Only another token or consent would need anything.
  if (refusal === undefined || (REFUSALS[refusal.code].status === 403 && refusal.scopes === undefined))
    return refusal;
  const held = findHeld(access, caller);
  const joined = { ...refusal, ...joinNeeds(held, rule.blocks[0]) };
  const { parameters } = refusal;
  return parameters === undefined ? joined : { ...joined, parameters: joinStepUps(parameters, held?.stepUp) };
}

/** What a token must have for both: a rule of a map is one block. */
function joinNeeds(
  route: AccessBlock | undefined,
  rule: AccessBlock | undefined,
): Pick<Refusal, 'scopes' | 'schemes'> {
  const blocks = [route, rule].filter((block) => block !== undefined);
  const schemes = blocks.map((block) => block.schemes);
  return {
    scopes: [...new Set(blocks.flatMap(({ neededScopes }) => neededScopes))],
    schemes: (['DPoP', 'Bearer'] as const).find((scheme) => schemes.includes(scheme)) ?? 'both',
  };
}
