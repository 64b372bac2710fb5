import { MCP_KINDS, MCP_METHODS, type McpKind } from '../../config/mcp/mcp-methods.ts';
import { findMessageFlaw } from '../../config/mcp/message-text.ts';
import { findRule, type McpRules, type NameRule, type NameRules } from '../../pipeline/mcp/mcp-rules.ts';
import { type NameSample, sampleNames } from './name-samples.ts';

/** Stands for all messages to which the same rules of both files apply. */
export interface SampleMessage {
  /** As tests of a file write it: `tools/call search`. */
  readonly text: string;
  /** The same, with `*` for what no rule names. */
  readonly shown: string;
  /** By file: the rules that must hold for it, beside those of the route. */
  readonly rules: readonly [AppliedRules, AppliedRules];
}

/** `deny` where the message is refused for all callers. */
export type AppliedRules = 'deny' | readonly Exclude<NameRule['rule'], 'allow' | 'deny'>[];

export interface SampleMessages {
  readonly messages: readonly SampleMessage[];
  /** Why not all of them were distinguished; empty where they were. */
  readonly doubts: readonly string[];
}

/** The methods that name something of a kind. */
const NAMING: Readonly<Record<McpKind, readonly string[]>> = {
  tools: ['tools/call'],
  prompts: ['prompts/get', 'completion/complete'],
  resources: [
    ...['resources/read', 'resources/subscribe', 'resources/unsubscribe', 'subscriptions/listen'],
    'completion/complete',
  ],
};
const NAMES_SOMETHING: ReadonlySet<string> = new Set(Object.values(NAMING).flat());

/** A message for each way in which the rules of both files can distinguish messages. */
export function sampleMessages(rules: readonly [McpRules, McpRules]): SampleMessages {
  const filler = findFiller(rules);
  const doubts = new Set<string>();
  const messages = new Map<string, SampleMessage>();
  const methods = namesOf([rules[0].methods, rules[1].methods]);
  for (const { name: method, shown } of [...MCP_METHODS.map(asItself), ...methods])
    if (!NAMES_SOMETHING.has(method)) add({ text: method, shown }, [rulesOf(0, method), rulesOf(1, method)]);
  for (const kind of MCP_KINDS) {
    const maps = [rules[0].kinds[kind], rules[1].kinds[kind]] as const;
    for (const { name, shown } of namesOf(maps))
      for (const method of NAMING[kind]) {
        if (method === 'completion/complete' && name.includes(':') !== (kind === 'resources')) continue;
        const applied = ([0, 1] as const).map((at) => rulesOf(at, method, { kind, name })) as [
          readonly NameRule[],
          readonly NameRule[],
        ];
        add({ text: `${method} ${name}`, shown: `${method} ${shown}` }, applied, kind);
        // Another reading of a URI may be of a rule that is gone, which counted for it too.
        if (kind === 'resources' && maps.every((map) => map !== undefined) && isForgotten(maps, name))
          doubts.add('rules of resources that are gone, for URIs that servers may read in several ways');
      }
  }
  return { messages: [...messages.values()], doubts: [...doubts] };

  function namesOf(maps: readonly [NameRules | undefined, NameRules | undefined]): readonly NameSample[] {
    const patterns = maps.map((map) => [...(map?.exact.keys() ?? []), ...patternsOf(map)]);
    const { samples, isComplete } = sampleNames(patterns as unknown as [string[], string[]], filler);
    if (!isComplete) doubts.add('too many kinds of names in messages to compare all');
    return samples;
  }

  function rulesOf(
    at: 0 | 1,
    method: string,
    named?: { readonly kind: McpKind; readonly name: string },
  ): readonly NameRule[] {
    const { methods: ofMethods, kinds } = rules[at];
    const map = named && kinds[named.kind];
    return [
      (ofMethods && findRule(ofMethods, method)) ?? UNRULED,
      map === undefined ? UNRULED : (findRule(map, named?.name ?? '') ?? UNLISTED),
    ];
  }

  /** The first of those to which the same rules apply. */
  function add(
    { text, shown }: Pick<SampleMessage, 'text' | 'shown'>,
    applied: readonly [readonly NameRule[], readonly NameRule[]],
    kind?: McpKind,
  ): void {
    if (findMessageFlaw(text) !== undefined || /\s/.test(text.split(' ')[0] as string)) return;
    const key = JSON.stringify([kind, applied.map((list) => list.map(({ pattern }) => pattern))]);
    if (!messages.has(key))
      messages.set(key, { text, shown, rules: [reduce(applied[0]), reduce(applied[1])] });
  }
}

/** Words first, then letters that hardly any name has. */
const FILLERS: readonly string[] = ['any', 'other', 'x', 'z', '0', ...'αβγδεζηθικλμνξοπρστυφχψω'];

/** Of characters that stand in no pattern: otherwise a part of it could be what a pattern names, and not stand for anything. */
function findFiller(rules: readonly McpRules[]): string {
  const maps = rules.flatMap(({ methods, kinds }) => [methods, ...Object.values(kinds)]);
  const taken = new Set(maps.flatMap((map) => [...(map?.exact.keys() ?? []), ...patternsOf(map)]).join(''));
  const isFree = (word: string): boolean => [...word].every((character) => !taken.has(character));
  const found = FILLERS.find(isFree);
  if (found !== undefined) return found;
  let code = 0x4e00;
  while (taken.has(String.fromCodePoint(code))) code += 1;
  return String.fromCodePoint(code);
}

/** Not a pattern of any file. */
const UNRULED: NameRule = { pattern: '\n', rule: 'allow' };
const UNLISTED: NameRule = { pattern: '\r', rule: 'deny' };

function asItself(name: string): NameSample {
  return { name, shown: name };
}

function patternsOf(map: NameRules | undefined): readonly string[] {
  return map?.patterns.map(({ glob }) => glob.text) ?? [];
}

function isForgotten([older, newer]: readonly (NameRules | undefined)[], name: string): boolean {
  return (
    older !== undefined &&
    newer !== undefined &&
    findRule(older, name) !== undefined &&
    findRule(newer, name) === undefined
  );
}

function reduce(applied: readonly NameRule[]): AppliedRules {
  const all = applied.map(({ rule }) => rule);
  return all.includes('deny') ? 'deny' : all.filter((rule) => typeof rule === 'object');
}
