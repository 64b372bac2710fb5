import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { valuesAt } from '../places.ts';
import type { ConfigPath, Place } from '../problem.ts';
import { pathKey } from '../problem.ts';
import type { Substitution } from './substitution.ts';
import type { SourceProblem, YamlSource } from './yaml-source.ts';

/** One file of a configuration, with what it holds. */
export interface FileValues {
  /** As shown to people. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  readonly source: YamlSource;
  /** Data without structure of YAML, substituted. */
  readonly value: unknown;
  readonly problems: readonly SourceProblem[];
  readonly substitutions: readonly { readonly path: ConfigPath; readonly substitution: Substitution }[];
}

/** A problem with the place it has; `path` is that of the merged value, `ownPath` that in its file. */
export interface MergedProblem extends SourceProblem {
  readonly file: string;
  readonly ownPath: ConfigPath;
}

/** Several files as one value, which knows where each part of it comes from. */
export interface MergedFiles {
  readonly value: unknown;
  readonly substitutions: ReadonlyMap<string, Substitution>;
  readonly problems: readonly MergedProblem[];
  /** Something of an included file has no place in the value. */
  readonly isIncomplete: boolean;
  /** The file that a place of the value comes from, and its path there. */
  ownPlace(path: ConfigPath): { readonly source: FileValues; readonly path: ConfigPath };
  /** The place of a value, or of its key; of the nearest parent that exists when it does not. */
  locate(path: ConfigPath, at?: 'key'): Place;
  /** For sorting: files in the order in which they are read. */
  rankOf(file: string): number;
}

const LISTS = ['routes', 'tests'] as const;
const MAPPINGS = ['upstreams', 'policies'] as const;
/** What an included file may hold. */
const INCLUDED_KEYS = [...LISTS, ...MAPPINGS] as const;

/** Keys in included files that name files. */
const FILES = [
  'upstreams.*.socket',
  'upstreams.*.tls.ca',
  'upstreams.*.tls.cert',
  'upstreams.*.tls.key',
  'upstreams.*.exchange.ca',
  'upstreams.*.exchange.auth.privateKey',
  'upstreams.*.exchange.auth.tls.cert',
  'upstreams.*.exchange.auth.tls.key',
];

type Mapping = Readonly<Record<string, unknown>>;

interface Merging {
  readonly value: Record<string, unknown>;
  readonly substitutions: Map<string, Substitution>;
  readonly problems: MergedProblem[];
  /** Of lists: the file of each entry, and its index there. */
  readonly entries: ReadonlyMap<string, { readonly source: FileValues; readonly index: number }[]>;
  /** Of mappings: the file of each name. */
  readonly names: ReadonlyMap<string, Map<string, FileValues>>;
  isIncomplete: boolean;
}

/** Adds the entries of included files to the main one: lists grow in the order of files, mappings by names that are new. */
export function mergeFiles(main: FileValues, included: readonly FileValues[]): MergedFiles {
  const merging = startWith(main);
  for (const source of included) add(source, main, merging);
  const { value, substitutions, problems, isIncomplete } = merging;
  const ranks = new Map([main, ...included].map(({ file }, rank) => [file, rank]));

  const ownPlace = (path: ConfigPath): { readonly source: FileValues; readonly path: ConfigPath } => {
    const [section, step, ...below] = path;
    if (typeof step === 'number') {
      const entry = merging.entries.get(String(section))?.[step];
      if (entry !== undefined)
        return { source: entry.source, path: [String(section), entry.index, ...below] };
    }
    return { source: merging.names.get(String(section))?.get(String(step)) ?? main, path };
  };
  return {
    // Only a mapping can be added to.
    value: isMapping(main.value) ? value : main.value,
    substitutions,
    problems,
    isIncomplete,
    ownPlace,
    locate(path, at) {
      const own = ownPlace(path);
      return { file: own.source.file, ...own.source.source.locate(own.path, at) };
    },
    rankOf: (file) => ranks.get(file) ?? 0,
  };
}

function startWith(main: FileValues): Merging {
  const value: Record<string, unknown> = isMapping(main.value) ? { ...main.value } : {};
  const merging: Merging = {
    value,
    substitutions: new Map(main.substitutions.map(({ path, substitution }) => [pathKey(path), substitution])),
    problems: main.problems.map((problem) => ({ ...problem, file: main.file, ownPath: problem.path })),
    entries: new Map(LISTS.map((section) => [section, []])),
    names: new Map(MAPPINGS.map((section) => [section, new Map()])),
    isIncomplete: false,
  };
  for (const section of LISTS) {
    const list = value[section];
    if (!Array.isArray(list)) continue;
    value[section] = [...list];
    for (const index of list.keys()) merging.entries.get(section)?.push({ source: main, index });
  }
  for (const section of MAPPINGS) {
    const mapping = value[section];
    if (!isMapping(mapping)) continue;
    value[section] = { ...mapping };
    for (const name of Object.keys(mapping)) merging.names.get(section)?.set(name, main);
  }
  return merging;
}

function add(source: FileValues, main: FileValues, merging: Merging): void {
  const { file, path: ownFile, value } = source;
  const report = (path: ConfigPath, message: string, hint?: string, at?: 'key'): void => {
    const place = source.source.locate(path, at);
    merging.problems.push({
      ...place,
      file,
      path: ['include'],
      ownPath: path,
      message,
      ...(hint !== undefined && { hint }),
    });
  };
  const sections = INCLUDED_KEYS.map((name) => `\`${name}\``).join(', ');
  /** Where entries of this file are in the merged value; undefined for those that are not in it. */
  const moved = new Map<string, ConfigPath>();

  if (source.source.problems.length > 0) merging.isIncomplete = true;
  else if (value === null) {
    report([], 'the included file is empty', `write ${sections}, or remove the file`);
    merging.isIncomplete = true;
  } else if (!isMapping(value)) {
    report([], `expected a mapping with ${sections}`);
    merging.isIncomplete = true;
  } else {
    for (const section of Object.keys(value)) {
      if ((INCLUDED_KEYS as readonly string[]).includes(section)) continue;
      if (section === 'include')
        report([section], 'an included file includes no other', 'list it in the main file', 'key');
      else
        report(
          [section],
          `\`${section}\` may not be in an included file`,
          `it may have ${sections}; all else is in ${main.file}`,
          'key',
        );
    }
    for (const section of LISTS) addList(section);
    for (const section of MAPPINGS) addMapping(section);
  }
  const toMerged = ([section, step, ...below]: ConfigPath): ConfigPath | undefined => {
    const start = step === undefined ? undefined : moved.get(pathKey([String(section), step]));
    return start === undefined ? undefined : [...start, ...below];
  };
  for (const { path, substitution } of source.substitutions) {
    const merged = toMerged(path);
    if (merged !== undefined) merging.substitutions.set(pathKey(merged), substitution);
  }
  merging.problems.push(
    ...source.problems.map((problem) => ({
      ...problem,
      file,
      path: toMerged(problem.path) ?? ['include'],
      ownPath: problem.path,
    })),
  );
  relocate();

  function addList(section: (typeof LISTS)[number]): void {
    const list = (value as Mapping)[section];
    if (list === undefined) return;
    if (!Array.isArray(list)) {
      report([section], 'expected a list');
      merging.isIncomplete = true;
      return;
    }
    if (list.length === 0) report([section], 'expected at least one entry', 'remove the key');
    merging.value[section] ??= [];
    const all = merging.value[section];
    if (!Array.isArray(all)) {
      merging.isIncomplete = true;
      return;
    }
    for (const [index, entry] of list.entries()) {
      moved.set(pathKey([section, index]), [section, all.length]);
      all.push(entry);
      merging.entries.get(section)?.push({ source, index });
    }
  }

  function addMapping(section: (typeof MAPPINGS)[number]): void {
    const mapping = (value as Mapping)[section];
    if (mapping === undefined) return;
    if (!isMapping(mapping)) {
      report([section], 'expected a mapping');
      merging.isIncomplete = true;
      return;
    }
    merging.value[section] ??= {};
    const all = merging.value[section];
    if (!isMapping(all)) {
      merging.isIncomplete = true;
      return;
    }
    const owners = merging.names.get(section);
    const additions: Record<string, unknown> = {};
    for (const [name, entry] of Object.entries(mapping)) {
      const owner = owners?.get(name);
      if (owner !== undefined) {
        const first = owner.source.locate([section, name], 'key');
        report(
          [section, name],
          `\`${name}\` is in ${owner.file}:${first.line}:${first.column} too`,
          'a name belongs to one file; rename one of them',
          'key',
        );
        continue;
      }
      moved.set(pathKey([section, name]), [section, name]);
      additions[name] = entry;
      owners?.set(name, source);
    }
    merging.value[section] = { ...all, ...additions };
  }

  /** Paths in the file count from its own folder; those of the configuration from that of the main file. */
  function relocate(): void {
    const toMain = (text: string): string => relative(dirname(main.path), resolve(dirname(ownFile), text));
    for (const { path, value: text } of FILES.flatMap((place) => valuesAt(value, place))) {
      const merged = toMerged(path);
      if (typeof text !== 'string' || text === '' || isAbsolute(text) || merged === undefined) continue;
      const key = pathKey(merged);
      const substitution = merging.substitutions.get(key);
      if (substitution?.placeholder) continue;
      const parent = path
        .slice(0, -1)
        .reduce<Mapping>((inside, step) => inside[step] as Mapping, value as Mapping);
      (parent as Record<string, unknown>)[String(path.at(-1))] = toMain(text);
      // Messages hide a substituted value by its text.
      if (substitution !== undefined) merging.substitutions.set(key, { ...substitution, text: toMain(text) });
    }
  }
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
