import type { PolicyConfig } from '../../config/schema/config.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Clock } from '../../core/time/clock.ts';
import { formatDuration } from '../../core/units.ts';
import { isAbsent } from '../../tokens/jwt/json/absent.ts';
import type { Claims } from '../../tokens/verified-token.ts';

/* How and when the user has to have authenticated (RFC 9470). */

/** What an alternative asks of the authentication behind a token, its policy included. */
export interface StepUp {
  /** Values of `acr`, of which the token must have one; undefined where any will do. */
  readonly classes: readonly string[] | undefined;
  /** Undefined where the time does not matter. */
  readonly maxAgeMs: number | undefined;
  /** All that is asked, as a challenge names it. */
  readonly parameters: ChallengeParameters;
  readonly clock: Clock;
}

/** The parameters of RFC 9470 §3. */
type ChallengeParameters = Readonly<Record<string, string>>;

/** Compiles what a block and its policy ask: both must hold. Undefined where neither asks for anything. */
export function compileStepUp(
  parts: readonly Pick<PolicyConfig, 'acr' | 'maxAuthAge'>[],
  clock: Clock,
): StepUp | undefined {
  const lists = parts.flatMap(({ acr }) => (acr === undefined ? [] : [acr]));
  const ages = parts.flatMap(({ maxAuthAge }) => maxAuthAge ?? []);
  if (lists.length === 0 && ages.length === 0) return undefined;
  const classes = lists.length === 0 ? undefined : inAll(lists);
  const maxAgeMs = ages.length === 0 ? undefined : Math.min(...ages);
  return { classes, maxAgeMs, parameters: toParameters(classes, maxAgeMs), clock };
}

/** What the lists have in common, in the order of the last: that of the block itself. */
function inAll(lists: readonly (readonly string[])[]): readonly string[] {
  const last = new Set(lists.at(-1));
  return [...last].filter((name) => lists.every((list) => list.includes(name)));
}

function toParameters(
  classes: readonly string[] | undefined,
  maxAgeMs: number | undefined,
): ChallengeParameters {
  return {
    ...(classes === undefined || classes.length === 0 ? {} : { acr_values: classes.join(' ') }),
    ...(maxAgeMs === undefined ? {} : { max_age: String(Math.floor(maxAgeMs / 1000)) }),
  };
}

/** In names of the file; undefined where nothing is asked. */
export function describeClasses({ classes }: StepUp): string | undefined {
  return classes?.join(' or ');
}

export function describeAge({ maxAgeMs }: StepUp): string | undefined {
  return maxAgeMs === undefined ? undefined : formatDuration(maxAgeMs);
}

/** What two rules ask together, the one that refuses first: a client that obtains it meets both. */
export function joinStepUps(refusing: ChallengeParameters, other: StepUp | undefined): ChallengeParameters {
  if (other === undefined) return refusing;
  const own = refusing.acr_values?.split(' ');
  const shared = own?.filter((name) => other.classes?.includes(name) ?? true);
  // Rules without a class in common never hold together, which `check` reports.
  const classes = own === undefined ? other.classes : shared?.length === 0 ? own : shared;
  const ages = [refusing.max_age, other.parameters.max_age].flatMap((age) => (age === undefined ? [] : age));
  return toParameters(classes, ages.length === 0 ? undefined : Math.min(...ages.map(Number)) * 1000);
}

/** Checks the class of the authentication: `acr` is one text (RFC 9068 §2.2.1), compared as a whole. */
export function checkClass(stepUp: StepUp | undefined, { acr }: Claims): Refusal | undefined {
  if (stepUp?.classes === undefined) return undefined;
  if (isAbsent(acr)) return refuse('acr_absent', 'the token has no claim `acr`');
  if (typeof acr !== 'string') return refuse('acr_unreadable', 'the claim `acr` is not a text');
  if (stepUp.classes.includes(acr)) return undefined;
  return refuse('acr_other', 'the claim `acr` is none of those that are required');
}

/** Checks when the user authenticated: `auth_time`, in seconds (OpenID Connect Core 1.0 §2). */
export function checkAge(
  stepUp: StepUp | undefined,
  { auth_time: authTime }: Claims,
  toleranceMs: number,
): Refusal | undefined {
  if (stepUp?.maxAgeMs === undefined) return undefined;
  const { maxAgeMs, clock } = stepUp;
  if (isAbsent(authTime)) return refuse('auth_time_absent', 'the token has no claim `auth_time`');
  if (typeof authTime !== 'number')
    return refuse('auth_time_unreadable', 'the claim `auth_time` is not a plain number of seconds');
  const authenticatedMs = authTime * 1000;
  const nowMs = clock();
  if (authenticatedMs > nowMs + toleranceMs)
    return refuse('auth_time_future', 'the claim `auth_time` lies in the future');
  if (nowMs < authenticatedMs + maxAgeMs + toleranceMs) return undefined;
  return refuse('auth_too_long_ago', 'the user authenticated longer ago than `maxAuthAge`');
}
