import type { Refusal } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { ADDRESSING, type Caller, type Check, checkScopes, RULES } from './checks.ts';
import type { AccessBlock, AccessRules } from './compile-access.ts';

const SCOPES = RULES.findIndex(({ step }) => step === 'scopes');
const RULES_BUT_SCOPES = RULES.filter((_, progress) => progress !== SCOPES);

/**
 * Checks that one of the blocks accepts the issuer and the audience of a token. Undefined when one does; otherwise the refusal of the
 * block that got furthest, the first of equals.
 */
export function checkAddressing(rules: AccessRules, caller: Caller, trace?: Trace): Refusal | undefined {
  const failure = findFailure(rules, caller, { checks: ADDRESSING, trace });
  return failure && { ...failure.refusal, issuer: caller.token.issuer };
}

/**
 * Applies the rules of a route to a token whose addressing holds: one of the blocks must hold. Undefined when it does; otherwise the
 * refusal of the block that got furthest, the first of equals. Of those that lack scopes, one that lacks nothing else comes first: its
 * refusal names the scopes, since a client that obtains them is let in.
 */
export function authorize(rules: AccessRules, caller: Caller, trace?: Trace): Refusal | undefined {
  const isAddressed = (block: AccessBlock): boolean => holds(ADDRESSING, block, caller);
  if (!rules.blocks.some(isAddressed)) return checkAddressing(rules, caller);
  const failure = findFailure(rules, caller, { checks: RULES, trace, among: isAddressed });
  if (failure === undefined) return undefined;
  const { issuer } = caller.token;
  const { block: decisive, progress, refusal } = failure;
  const curable =
    progress === SCOPES ? rules.blocks.find((block) => holdsButForScopes(block, caller)) : undefined;
  if (curable === undefined) return { ...refusal, issuer };
  const lack = curable === decisive ? refusal : (checkScopes(curable, caller) as Refusal);
  return { ...lack, issuer, scopes: curable.neededScopes };
}

/** The first alternative that holds for the caller. */
export function findHeld({ blocks }: AccessRules, caller: Caller): AccessBlock | undefined {
  return blocks.find((block) => holds(ADDRESSING, block, caller) && holds(RULES, block, caller));
}

/** Only asked where no alternative got further than to its scopes: one that holds otherwise lacks them. */
function holdsButForScopes(block: AccessBlock, caller: Caller): boolean {
  return holds(ADDRESSING, block, caller) && holds(RULES_BUT_SCOPES, block, caller);
}

function holds(checks: readonly Check[], block: AccessBlock, caller: Caller): boolean {
  return checks.every(({ check }) => check(block, caller) === undefined);
}

/** What each alternative wants, for people to read: `issuers corp, scopes a and b`. */
export function describeAccess({ token, blocks }: AccessRules): string {
  if (token === 'public') return 'public';
  const alternatives = blocks.map((block) => {
    const wants = [...ADDRESSING, ...RULES].flatMap(({ step, expected }) => {
      const wanted = expected(block);
      return wanted === undefined || step === 'audiences' ? [] : `${step} ${wanted}`;
    });
    return wants.join(', ');
  });
  return `${token === 'optional' ? 'optional: ' : ''}${alternatives.join('; or ')}`;
}

/** How far a block got, and what ended it. */
interface Failure {
  readonly block: AccessBlock;
  readonly progress: number;
  readonly refusal: Refusal;
}

interface Examination {
  readonly checks: readonly Check[];
  readonly trace: Trace | undefined;
  /** Default: all blocks. */
  readonly among?: (block: AccessBlock) => boolean;
}

/** The failure of the block that gets furthest, the first of equals; undefined when one holds. There is one to look at. */
function findFailure(
  { blocks }: AccessRules,
  caller: Caller,
  { checks, trace, among }: Examination,
): Failure | undefined {
  let furthest: Failure | undefined;
  for (let at = 0; at < blocks.length; at += 1) {
    const block = blocks[at] as AccessBlock;
    if (among !== undefined && !among(block)) continue;
    const label = blocks.length === 1 ? '' : ` (alternative ${at + 1})`;
    const failed = checkBlock(block, caller, { checks, trace, label });
    if (failed === undefined) return undefined;
    if (furthest === undefined || failed.progress > furthest.progress) furthest = failed;
  }
  return furthest;
}

function checkBlock(
  block: AccessBlock,
  caller: Caller,
  { checks, trace, label }: Examination & { readonly label: string },
): Failure | undefined {
  for (let progress = 0; progress < checks.length; progress++) {
    const check = checks[progress] as Check;
    const refusal = check.check(block, caller, trace);
    if (trace !== undefined) traceCheck(trace, check, { block, caller, label, refusal });
    if (refusal !== undefined) return { block, progress, refusal };
  }
  return undefined;
}

function traceCheck(
  trace: Trace,
  check: Check,
  facts: { block: AccessBlock; caller: Caller; label: string; refusal: Refusal | undefined },
): void {
  const expected = check.expected(facts.block, facts.caller.token);
  if (expected === undefined) return;
  const shown = trace.showClaims ? JSON.stringify(check.got(facts.block, facts.caller)) : undefined;
  const got = [facts.refusal?.reason, shown].filter((part) => part !== undefined).join('; ');
  trace.add({
    step: check.step + facts.label,
    ok: facts.refusal === undefined,
    expected,
    ...(got === '' ? {} : { got }),
    ...(facts.refusal && { refusal: facts.refusal }),
  });
}
