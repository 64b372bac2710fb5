import * as z from 'zod';
import { type ConfigPath, isWithin, pathKey } from '../problem.ts';
import { type Config, configSchema } from '../schema/config.ts';
import { valueAt } from '../validate.ts';
import { type FlatIssue, flattenIssues } from './flatten-issues.ts';
import { nearest } from './nearest.ts';

/** The valid part of a file with errors, so that rules can check it in the same run. Never served. */
export interface PartialConfig {
  readonly config: Config;
  /** The path in the file of a path in `config`; they differ where list entries were left out. */
  readonly toFilePath: (path: ConfigPath) => ConfigPath;
  /** Whether something at, above or below this place of the file was left out. */
  readonly isTouched: (path: ConfigPath) => boolean;
  /** Whether every route is there, even if parts of it are left out. */
  readonly hasAllRoutes: boolean;
}

const lenientSchema = configSchema.extend({
  routes: z.array(configSchema.shape.routes.element).default([]),
});

/** Keys that choose the requests of a route: without one of them it would take others. */
const MATCHING_KEYS = ['host', 'path', 'exact', 'methods'];

/**
 * Replace a mandatory key that is wrong or missing, so that the rest of its mapping is checked. Chosen so that rules report nothing
 * but the key itself, where reports are dropped.
 */
const STAND_INS: Readonly<Record<string, (name: string | number) => unknown>> = {
  'issuers.issuer': (name) => `https://${name}.invalid`,
  'issuers.audiences': () => ['stand-in'],
  'upstreams.url': () => 'http://stand-in.invalid',
  'routes.name': (index) => `stand-in.${index}`,
  'routes.upstream': () => 'http://stand-in.invalid',
  'routes.access': () => 'public',
};

function standInFor([section, name, key, ...below]: ConfigPath): unknown {
  return name === undefined || below.length > 0 ? undefined : STAND_INS[`${section}.${key}`]?.(name);
}

/** A file without errors, whole. */
export function wholeFile(config: Config): PartialConfig {
  return { config, toFilePath: (path) => path, isTouched: () => false, hasAllRoutes: true };
}

/** What is wrong: issues of the schema, and the places of other errors. */
export interface Wrongs {
  readonly leaves: readonly FlatIssue[];
  readonly places: readonly ConfigPath[];
}

/** Leaves out what is wrong, and what needs it, until the rest is valid. */
export function partialConfig(value: unknown, { leaves, places }: Wrongs): PartialConfig | undefined {
  const removed: ConfigPath[] = [];
  let wrong: readonly ConfigPath[] = [
    ...leaves.flatMap((leaf) => removals(leaf, value)),
    ...places.map((path) => removalOf(path, value)),
  ];
  for (;;) {
    const fresh = wrong.filter((path) => !removed.some((known) => pathKey(known) === pathKey(path)));
    if (fresh.length === 0 || fresh.some((path) => path.length === 0)) return undefined;
    removed.push(...fresh);
    const { rest, toFilePath } = prune(value, removed);
    const parsed = lenientSchema.safeParse(rest);
    if (parsed.success) {
      const isTouched = (path: ConfigPath): boolean =>
        removed.some((place) => isWithin(path, place) || isWithin(place, path));
      const hasAllRoutes = !removed.some(
        ([section, , ...below]) => section === 'routes' && below.length === 0,
      );
      return { config: parsed.data, toFilePath, isTouched, hasAllRoutes };
    }
    wrong = flattenIssues(parsed.error.issues)
      .flatMap((leaf) => removals(leaf, rest))
      .map(toFilePath);
  }
}

function removals({ issue, path }: FlatIssue, value: unknown): readonly ConfigPath[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => wholeRoute([...path, nearest(key, MATCHING_KEYS) ?? key], [...path, key]));
  }
  return [removalOf(path, value)];
}

function removalOf(path: ConfigPath, value: unknown): ConfigPath {
  const isMissing = valueAt(value, path) === undefined && standInFor(path) === undefined;
  return isMissing ? path.slice(0, -1) : wholeRoute(path, path);
}

function wholeRoute(meant: ConfigPath, path: ConfigPath): ConfigPath {
  const [section, , key] = meant;
  return section === 'routes' && MATCHING_KEYS.includes(String(key)) ? path.slice(0, 2) : path;
}

function prune(
  value: unknown,
  removed: readonly ConfigPath[],
): { readonly rest: unknown; readonly toFilePath: (path: ConfigPath) => ConfigPath } {
  const gone = new Set(removed.map(pathKey));
  const standIns = new Map<string, (readonly [string, unknown])[]>();
  for (const path of removed) {
    const standIn = standInFor(path);
    if (standIn === undefined) continue;
    const parent = pathKey(path.slice(0, -1));
    standIns.set(parent, [...(standIns.get(parent) ?? []), [String(path.at(-1)), standIn]]);
  }
  const keptIndices = new Map<string, readonly number[]>();
  const keep = (inside: unknown, path: ConfigPath): unknown => {
    const stays = (step: string | number): boolean => !gone.has(pathKey([...path, step]));
    if (Array.isArray(inside)) {
      const kept = [...inside.keys()].filter(stays);
      keptIndices.set(pathKey(path), kept);
      return kept.map((index) => keep(inside[index], [...path, index]));
    }
    if (typeof inside !== 'object' || inside === null) return inside;
    const entries = Object.entries(inside).filter(([key]) => stays(key));
    return Object.fromEntries([
      ...entries.map(([key, item]) => [key, keep(item, [...path, key])] as const),
      ...(standIns.get(pathKey(path)) ?? []),
    ]);
  };
  const toFilePath = (path: ConfigPath): ConfigPath => {
    const filePath: (string | number)[] = [];
    for (const step of path) {
      const kept = typeof step === 'number' ? keptIndices.get(pathKey(filePath))?.[step] : undefined;
      filePath.push(kept ?? step);
    }
    return filePath;
  };
  return { rest: keep(value, []), toFilePath };
}
