import type { SpecEntry, SpecNode, SpecProblem } from '../source/spec-node.ts';

/** How much of a document is read, so that no file takes the memory or the time of the machine. */
const MAX_ENTRIES = 2_000_000;
const MAX_PROBLEMS = 100;
const MAX_REFERENCES = 32;

/** Thrown where a document has too much to be read on. */
export class TooMuch extends Error {}

export type ReferenceOutcome = { readonly node: SpecNode } | { readonly reason: string };

/** Reads parts of a document and collects what is wrong with them. */
export function createSpecReader(root: SpecNode) {
  const problems: SpecProblem[] = [];
  const maps = new Map<unknown, ReadonlyMap<string, SpecEntry>>();
  let entriesRead = 0;

  function report(at: { readonly place: SpecNode['place'] }, message: string, hint?: string): undefined {
    if (problems.length >= MAX_PROBLEMS) return;
    problems.push({ ...at.place(), message, ...(hint !== undefined && { hint }) });
  }

  function count(added: number): void {
    entriesRead += added;
    if (entriesRead > MAX_ENTRIES) throw new TooMuch('the document has too many entries');
  }

  /** The entries of a map by name, read once. Without a prototype, so that every name is only a name. */
  function mapOf(node: SpecNode, what: string): ReadonlyMap<string, SpecEntry> | undefined {
    const known = maps.get(node.identity);
    if (known !== undefined) return known;
    if (node.flaw !== undefined) return report(node, node.flaw);
    if (node.kind !== 'map') return report(node, `expected ${what}, not ${kindText(node)}`);
    const entries = node.entries();
    count(entries.length);
    const byName = new Map<string, SpecEntry>();
    for (const entry of entries) {
      const { name } = entry;
      if (name === '<<') report(entry, 'merge keys (`<<`) are not supported', 'write the keys out');
      else if (byName.has(name)) {
        report(
          entry,
          `duplicate key \`${name}\``,
          `it is first set in line ${byName.get(name)?.place().line}`,
        );
      } else byName.set(name, entry);
    }
    maps.set(node.identity, byName);
    return byName;
  }

  function listOf(node: SpecNode, what: string): readonly SpecNode[] | undefined {
    if (node.flaw !== undefined) return report(node, node.flaw);
    if (node.kind !== 'list') return report(node, `expected ${what}, not ${kindText(node)}`);
    const items = node.items();
    count(items.length);
    return items;
  }

  function textOf(node: SpecNode, what: string): string | undefined {
    if (node.flaw !== undefined) return report(node, node.flaw);
    return node.kind === 'text' ? node.text : report(node, `expected ${what}, not ${kindText(node)}`);
  }

  /** Follows `$ref` as long as it stays in this document (RFC 6901). Nothing else is ever opened. */
  function follow(start: SpecNode): ReferenceOutcome {
    let node = start;
    for (let steps = 0; steps < MAX_REFERENCES; steps += 1) {
      if (node.kind !== 'map') return { node };
      const reference = mapOf(node, 'a mapping')?.get('$ref')?.value;
      if (reference === undefined) return { node };
      const text = textOf(reference, 'a reference') ?? '';
      if (!text.startsWith('#'))
        return { reason: `\`${text}\` is outside of this document, and is not read` };
      const target = at(text.slice(1));
      if (target === undefined) return { reason: `\`${text}\` leads nowhere` };
      node = target;
    }
    return { reason: 'its references go in a circle' };
  }

  function at(pointer: string): SpecNode | undefined {
    if (pointer !== '' && !pointer.startsWith('/')) return undefined;
    let node: SpecNode | undefined = root;
    for (const step of pointer.split('/').slice(1)) {
      const name = decodeStep(step);
      if (node?.kind === 'list') node = /^\d{1,9}$/.test(name) ? node.items()[Number(name)] : undefined;
      else node = node?.kind === 'map' ? mapOf(node, 'a mapping')?.get(name)?.value : undefined;
    }
    return node;
  }

  return { root, problems, report, mapOf, listOf, textOf, follow };
}

export type SpecReader = ReturnType<typeof createSpecReader>;

function decodeStep(step: string): string {
  let text = step;
  try {
    text = decodeURIComponent(step);
  } catch {
    // Not encoded.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}

const KINDS: Readonly<Record<SpecNode['kind'], string>> = {
  map: 'a mapping',
  list: 'a list',
  text: 'a text',
  number: 'a number',
  boolean: 'a boolean',
  null: 'nothing',
};

function kindText({ kind }: SpecNode): string {
  return KINDS[kind];
}
