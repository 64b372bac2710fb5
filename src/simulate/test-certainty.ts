import type { LoadedConfig } from '../config/load.ts';
import type { ConfigPath } from '../config/problem.ts';
import { accessAlternatives } from '../config/routes/route-access.ts';
import type { Config } from '../config/schema/config.ts';

/** A configuration without errors. */
export type ValidConfig = LoadedConfig & { readonly config: Config };

/** What can be relied on in a configuration from which errors were left out. */
export interface Certainty {
  readonly hasAllRoutes: boolean;
  /** The path in the file of a path in `config`. */
  readonly toFilePath: (path: ConfigPath) => ConfigPath;
  /** Whether an error stands at, above or below this place of the file, so that what follows from it may be another. */
  readonly isUncertain: (path: ConfigPath) => boolean;
}

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
