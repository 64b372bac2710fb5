import { UnfilterableList } from './list-visibility.ts';

/** Deeper than any schema of a tool. */
const MAX_DEPTH = 256;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
export const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** A string that stands for itself. */
const PLAIN = /^[\x20-\x5b\x5d-\x7f]*$/;
/** What is more than itself within a string. The search is faster than a loop, but for a few characters. */
const SPECIAL = /["\\]|[^ -\uffff]/g;
const SHORT = 16;
const LITERALS = ['true', 'false', 'null'] as const;

/**
 * Reads JSON in place, strictly (RFC 8259), so that pieces of the text can be cut out and the rest stays as it is. The text has one
 * character for each byte of valid UTF-8. Throws `UnfilterableList` at the first fault; nested values take no stack.
 */
export class JsonScanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** What closes each open array or object that `skip` is in. */
  readonly #closers: number[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the reading is. */
  get at(): number {
    return this.#at;
  }

  /** The first character of what comes next, with blanks skipped; NaN at the end. */
  peek(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.#at += 1;
    }
  }

  /** Reads an object; `member` is called before each value, which it must read. The same name twice is a fault. */
  object(member: (name: string) => void): void {
    this.#open(OPEN_BRACE);
    if (this.peek() === CLOSE_BRACE) {
      this.#close();
      return;
    }
    const names = new Set<string>();
    do {
      const name = this.string();
      this.#take(COLON);
      if (names.has(name)) throw new UnfilterableList('unreadable');
      names.add(name);
      this.peek();
      member(name);
    } while (this.#goesOn(CLOSE_BRACE));
    this.#depth -= 1;
  }

  /** Reads an array; `element` is called before each value, which it must read. */
  array(element: () => void): void {
    this.#open(OPEN_BRACKET);
    if (this.peek() === CLOSE_BRACKET) {
      this.#close();
      return;
    }
    do {
      this.peek();
      element();
    } while (this.#goesOn(CLOSE_BRACKET));
    this.#depth -= 1;
  }

  /** Reads a string. */
  string(): string {
    this.peek();
    const start = this.#at;
    this.#skipString();
    const token = this.#text.slice(start, this.#at);
    if (PLAIN.test(token)) return token.slice(1, -1);
    return JSON.parse(Buffer.from(token, 'latin1').toString('utf8')) as string;
  }

  /** Whether a string comes next. */
  get isString(): boolean {
    return this.peek() === QUOTE;
  }

  /** Reads `null`, if that comes next. */
  skipNull(): boolean {
    if (this.peek() !== 0x6e) return false;
    this.#skipScalar(0x6e);
    return true;
  }

  /** Reads any value. */
  skip(): void {
    const closers = this.#closers;
    closers.length = 0;
    for (;;) {
      const code = this.peek();
      if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        const closer = code === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
        this.#open(code);
        if (this.peek() !== closer) {
          closers.push(closer);
          if (closer === CLOSE_BRACE) this.#skipName();
          continue;
        }
        this.#close();
      } else this.#skipScalar(code);
      if (!this.#skipClosers(closers)) return;
    }
  }

  /** Nothing but blanks is left. */
  end(): void {
    this.peek();
    if (this.#at < this.#text.length) throw new UnfilterableList('unreadable');
  }

  /** After a value: whether another one follows in what is open. */
  #skipClosers(closers: number[]): boolean {
    for (let closer = closers.at(-1); closer !== undefined; closer = closers.at(-1)) {
      if (this.#goesOn(closer)) {
        if (closer === CLOSE_BRACE) this.#skipName();
        return true;
      }
      this.#depth -= 1;
      closers.pop();
    }
    return false;
  }

  #open(code: number): void {
    this.#take(code);
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new UnfilterableList('unreadable');
  }

  #close(): void {
    this.#at += 1;
    this.#depth -= 1;
  }

  /** True after a comma, false after what closes. */
  #goesOn(closer: number): boolean {
    const code = this.peek();
    if (code !== COMMA && code !== closer) throw new UnfilterableList('unreadable');
    this.#at += 1;
    return code === COMMA;
  }

  #take(code: number): void {
    if (this.peek() !== code) throw new UnfilterableList('unreadable');
    this.#at += 1;
  }

  #skipName(): void {
    this.peek();
    this.#skipString();
    this.#take(COLON);
  }

  #skipScalar(code: number): void {
    if (code === QUOTE) this.#skipString();
    else if (code === MINUS || isDigit(code)) this.#skipNumber();
    else {
      const literal = LITERALS.find((word) => this.#text.startsWith(word, this.#at));
      if (literal === undefined) throw new UnfilterableList('unreadable');
      this.#at += literal.length;
    }
  }

  #skipString(): void {
    const text = this.#text;
    if (text.charCodeAt(this.#at) !== QUOTE) throw new UnfilterableList('unreadable');
    let at = this.#at + 1;
    let nearby = at + SHORT;
    for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
      // Also at the end of the text, where the code is NaN.
      if (!(code >= 0x20)) throw new UnfilterableList('unreadable');
      at += code === BACKSLASH ? escapeLength(text, at) : 1;
      if (at >= nearby) {
        SPECIAL.lastIndex = at;
        at = SPECIAL.test(text) ? SPECIAL.lastIndex - 1 : text.length;
        nearby = at + SHORT;
      }
    }
    this.#at = at + 1;
  }

  #skipNumber(): void {
    const text = this.#text;
    let at = this.#at;
    if (text.charCodeAt(at) === MINUS) at += 1;
    at = text.charCodeAt(at) === ZERO ? at + 1 : endOfDigits(text, at);
    if (text[at] === '.') at = endOfDigits(text, at + 1);
    if (text[at] === 'e' || text[at] === 'E') {
      at += 1;
      if (text[at] === '+' || text[at] === '-') at += 1;
      at = endOfDigits(text, at);
    }
    this.#at = at;
  }
}

function escapeLength(text: string, at: number): number {
  const kind = text[at + 1] ?? '';
  if (kind === 'u' && /^[\dA-Fa-f]{4}$/.test(text.slice(at + 2, at + 6))) return 6;
  if (kind === '' || !'"\\/bfnrt'.includes(kind)) throw new UnfilterableList('unreadable');
  return 2;
}

/** At least one digit. */
function endOfDigits(text: string, start: number): number {
  let at = start;
  while (isDigit(text.charCodeAt(at))) at += 1;
  if (at === start) throw new UnfilterableList('unreadable');
  return at;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
