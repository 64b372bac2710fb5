import { accessAlternatives } from '../config/route-access.ts';
import type { Config } from '../config/schema.ts';
import type { Certainty } from './check.ts';

/** Keys that every decision rests on. */
const COMMON = [['identity'], ['matching'], ['defaults'], ['mode'], ['listen']] as const;

/** Whether errors of the file leave open how a test comes out: those of itself, of its issuer, and of all routes together. */
export function isTestOpen(index: number, config: Config, certainty: Certainty): boolean {
  const { hasAllRoutes, isUncertain, toFilePath } = certainty;
  const issuer = config.tests[index]?.token?.issuer ?? Object.keys(config.issuers)[0] ?? '';
  return (
    !hasAllRoutes ||
    COMMON.some((path) => isUncertain(path)) ||
    isUncertain(['issuers', issuer]) ||
    isUncertain(toFilePath(['tests', index]))
  );
}

/** Whether errors of the route that took the request, or of its policies, leave open what it makes of it. */
export function isRouteOpen(index: number, config: Config, { isUncertain, toFilePath }: Certainty): boolean {
  const route = config.routes[index];
  const policies =
    route === undefined ? [] : accessAlternatives(route.access, []).map(({ block }) => block.policy);
  return (
    isUncertain(toFilePath(['routes', index])) ||
    policies.some((policy) => policy !== undefined && isUncertain(['policies', policy]))
  );
}
