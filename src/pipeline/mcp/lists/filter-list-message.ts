import { isUtf8 } from 'node:buffer';
import type { McpKind } from '../../../config/mcp/mcp-methods.ts';
import { foldName } from '../fold-name.ts';
import { JsonScanner, OPEN_BRACE, OPEN_BRACKET } from './json-scanner.ts';
import { type ListVisibility, UnfilterableList } from './list-visibility.ts';

/** The lists that results of MCP have, and what names their entries. */
const LISTS: Readonly<Record<string, { readonly kind: McpKind; readonly key: string }>> = {
  tools: { kind: 'tools', key: 'name' },
  prompts: { kind: 'prompts', key: 'name' },
  resources: { kind: 'resources', key: 'uri' },
  resourceTemplates: { kind: 'resources', key: 'uriTemplate' },
};
Object.setPrototypeOf(LISTS, null);
const FOLDED_LISTS: ReadonlySet<string> = new Set(Object.keys(LISTS).map(fold));
/** What states how long a result may be kept, and for whom. */
const FOLDED_HINTS: ReadonlySet<string> = new Set(['cacheScope', 'ttlMs'].map(fold));

/**
 * Leaves out of one JSON-RPC message, or an array of them as older servers send, what the caller may not use of the tools, prompts,
 * resources and templates that its `result` lists. A list is recognized by its shape, since on a stream a response may belong to any
 * request. An entry without a name is left out. Such a result is good for this caller only: where it has a `cacheScope` or a `ttlMs`,
 * its scope becomes `private`. All other bytes stay as they are; a message that does not change is returned itself.
 *
 * Throws `UnfilterableList` for what two readers could read differently: broken UTF-8 or JSON, and in the message, its result and the
 * entries the same name twice or another spelling of a name that is read here.
 */
export function filterListMessage(bytes: Buffer, visibility: ListVisibility): Buffer {
  const text = bytes.toString('latin1');
  // Without an object there is no list for any reader.
  if (!text.includes('{')) return bytes;
  if (!isUtf8(bytes)) throw new UnfilterableList('unreadable');
  const edits = new MessageReader(text, visibility).read();
  return edits.length === 0 ? bytes : Buffer.from(apply(edits, text), 'latin1');
}

/** Bytes from `start` to `end` that are replaced. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

class MessageReader {
  readonly #text: string;
  readonly #visibility: ListVisibility;
  readonly #scanner: JsonScanner;
  readonly #edits: Edit[] = [];

  constructor(text: string, visibility: ListVisibility) {
    this.#text = text;
    this.#visibility = visibility;
    this.#scanner = new JsonScanner(text);
  }

  read(): readonly Edit[] {
    if (this.#scanner.peek() === OPEN_BRACKET) this.#scanner.array(() => this.#message());
    else this.#message();
    this.#scanner.end();
    return this.#edits;
  }

  #message(): void {
    const scanner = this.#scanner;
    if (scanner.peek() !== OPEN_BRACE) {
      scanner.skip();
      return;
    }
    scanner.object((name) => {
      if (name === 'result' && scanner.peek() === OPEN_BRACE) this.#result();
      else if (name !== 'result' && fold(name) === 'result') throw new UnfilterableList('unreadable');
      else scanner.skip();
    });
  }

  #result(): void {
    const scanner = this.#scanner;
    let isList = false;
    let scope: Omit<Edit, 'text'> | undefined;
    let ttlEnd: number | undefined;
    let isHintRespelled = false;
    scanner.object((name) => {
      const list = LISTS[name];
      if (list !== undefined) {
        if (this.#list(list.kind, list.key)) isList = true;
        return;
      }
      const folded = fold(name);
      if (FOLDED_LISTS.has(folded)) throw new UnfilterableList('unreadable');
      const start = scanner.at;
      scanner.skip();
      if (name === 'cacheScope') scope = { start, end: scanner.at };
      else if (name === 'ttlMs') ttlEnd = scanner.at;
      else if (FOLDED_HINTS.has(folded)) isHintRespelled = true;
    });
    if (!isList) return;
    if (isHintRespelled) throw new UnfilterableList('unreadable');
    this.#makePrivate(scope, ttlEnd);
  }

  /** Reads one list; gives whether it is there at all. */
  #list(kind: McpKind, key: string): boolean {
    const scanner = this.#scanner;
    if (scanner.skipNull()) return false;
    if (scanner.peek() !== OPEN_BRACKET) throw new UnfilterableList('unreadable');
    const start = scanner.at + 1;
    const kept: string[] = [];
    let isWhole = true;
    scanner.array(() => {
      const from = scanner.at;
      const name = this.#entryName(key);
      if (name !== undefined && this.#visibility.mayUse(kind, name))
        kept.push(this.#text.slice(from, scanner.at));
      else isWhole = false;
    });
    if (!isWhole) this.#edits.push({ start, end: scanner.at - 1, text: kept.join(',') });
    return true;
  }

  #entryName(key: string): string | undefined {
    const scanner = this.#scanner;
    let found: string | undefined;
    if (scanner.peek() !== OPEN_BRACE) {
      scanner.skip();
      return undefined;
    }
    const folded = fold(key);
    scanner.object((name) => {
      if (name === key && scanner.isString) found = scanner.string();
      else if (name !== key && fold(name) === folded) throw new UnfilterableList('unreadable');
      else scanner.skip();
    });
    return found;
  }

  /** Without a scope, a result that may be kept counts as public. */
  #makePrivate(scope: Omit<Edit, 'text'> | undefined, ttlEnd: number | undefined): void {
    if (scope !== undefined) {
      if (this.#text.slice(scope.start, scope.end) !== '"private"')
        this.#edits.push({ ...scope, text: '"private"' });
    } else if (ttlEnd !== undefined) {
      this.#edits.push({ start: ttlEnd, end: ttlEnd, text: ',"cacheScope":"private"' });
    }
  }
}

function apply(edits: readonly Edit[], text: string): string {
  let changed = '';
  let from = 0;
  for (const { start, end, text: replacement } of edits.toSorted((a, b) => a.start - b.start)) {
    changed += text.slice(from, start) + replacement;
    from = end;
  }
  return changed + text.slice(from);
}

/** Python's models know the names with underscores, too. */
function fold(name: string): string {
  return foldName(name).replaceAll(/[_-]/g, '');
}
