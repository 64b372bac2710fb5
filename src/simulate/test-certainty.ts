import type { PlacedTest } from '../config/file-tests.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { ConfigPath } from '../config/problem.ts';
import { accessAlternatives } from '../config/routes/route-access.ts';
import type { Config } from '../config/schema/config.ts';

/** A configuration without errors. */
export type ValidConfig = LoadedConfig & { readonly config: Config };

/** What is certain in a configuration from which errors were left out. */
export interface Certainty {
  readonly hasAllRoutes: boolean;
  /** The path in the file of a path in `config`. */
  readonly toFilePath: (path: ConfigPath) => ConfigPath;
  /** Whether an error is at, above or below this place of the file. */
  readonly isUncertain: (path: ConfigPath) => boolean;
}

/** Keys that every decision depends on. */
const COMMON = [['identity'], ['matching'], ['defaults'], ['mode'], ['listen']] as const;

/** Whether the outcome of a test depends on errors of the file: of the test, its issuer, or what all routes share. */
export function isTestOpen({ test, sources }: PlacedTest, config: Config, certainty: Certainty): boolean {
  const { hasAllRoutes, isUncertain, toFilePath } = certainty;
  const issuer = test.token?.issuer ?? Object.keys(config.issuers)[0] ?? '';
  return (
    !hasAllRoutes ||
    COMMON.some((path) => isUncertain(path)) ||
    isUncertain(['issuers', issuer]) ||
    sources.some((path) => isUncertain(toFilePath(path)))
  );
}

/** Whether the outcome depends on errors of the matched route or its policies. */
export function isRouteOpen(index: number, config: Config, { isUncertain, toFilePath }: Certainty): boolean {
  const route = config.routes[index];
  const policies =
    route === undefined ? [] : accessAlternatives(route.access, []).map(({ block }) => block.policy);
  return (
    isUncertain(toFilePath(['routes', index])) ||
    policies.some((policy) => policy !== undefined && isUncertain(['policies', policy]))
  );
}
