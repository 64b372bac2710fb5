import { filterListMessage } from './filter-list-message.ts';
import { HeldBytes } from './held-bytes.ts';
import { type ListVisibility, MAX_LIST_BYTES, UnfilterableList } from './list-visibility.ts';

const LF = 10;
const CR = 13;
const COLON = 58;
/** U+FEFF as the bytes of UTF-8. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf';

/**
 * Filters the lists in a stream of server-sent events (HTML §9.2), of which each one's data is a message. An event goes on with the
 * piece that completes it, comments before one at once; what has no list stays as it is, byte for byte. Data with a list that is
 * filtered comes on one line; all other fields stay. Text has one character for each byte.
 */
export class EventStreamFilter {
  readonly #visibility: ListVisibility;
  /** The start of an event whose end has not come. */
  readonly #held = new HeldBytes();
  /** What the current line is, by its first character. */
  #line: 'empty' | 'comment' | 'field' = 'empty';
  /** Whether the current event has a field. */
  #hasFields = false;
  /** A LF that comes now belongs to the line end that was seen already. */
  #isAfterCr = false;
  /** Only at the start of the stream is U+FEFF not a part of the line. */
  #isStart = true;

  constructor(visibility: ListVisibility) {
    this.#visibility = visibility;
  }

  /** Takes the next piece of the stream; gives what may go to the client. Throws `UnfilterableList`. */
  write(text: string): string {
    let passed = '';
    // What lies between these goes on unchanged; what comes after `begun` belongs to the current event.
    let unsent = 0;
    let begun = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code !== LF && code !== CR) {
        if (this.#line === 'empty') this.#line = code === COLON ? 'comment' : 'field';
        this.#isAfterCr = false;
        continue;
      }
      const next = at + 1;
      if (code === LF && this.#isAfterCr) {
        this.#isAfterCr = false;
        if (begun === at && this.#held.isEmpty) begun = next;
        continue;
      }
      this.#isAfterCr = code === CR;
      if (!this.#endsUnit()) continue;
      const event = this.#held.isEmpty ? text.slice(begun, next) : this.#joinHeld(text.slice(begun, next));
      const isOfThisPiece = event.length === next - begun;
      const filtered = this.#filter(event);
      if (filtered !== event || !isOfThisPiece) {
        passed += text.slice(unsent, begun) + filtered;
        unsent = next;
      }
      begun = next;
    }
    if (begun < text.length) this.#held.add(begun === 0 ? text : text.slice(begun));
    return passed === '' && unsent === 0 && begun === text.length ? text : passed + text.slice(unsent, begun);
  }

  /** The stream ended. Readers drop an event without its end, and so does this. */
  end(): string {
    this.#held.clear();
    return '';
  }

  /** A line ended: whether what is held of the stream can go on. */
  #endsUnit(): boolean {
    const line = this.#line;
    this.#line = 'empty';
    if (line === 'field') this.#hasFields = true;
    if (line === 'empty') this.#hasFields = false;
    return !this.#hasFields;
  }

  #joinHeld(text: string): string {
    this.#held.add(text);
    return this.#held.take().toString('latin1');
  }

  #filter(event: string): string {
    const isStart = this.#isStart;
    this.#isStart = false;
    if (event.length > MAX_LIST_BYTES) throw new UnfilterableList('too large');
    if (!event.includes('{')) return event;
    const lines = new EventLines(event, isStart && event.startsWith(BYTE_ORDER_MARK));
    const data = Buffer.from(lines.data, 'latin1');
    const filtered = filterListMessage(data, this.#visibility);
    if (filtered === data) return event;
    const changed = lines.withData(filtered.toString('latin1'));
    // A field whose name begins with it would lose it if it came to be the first of the stream.
    if (isStart && changed.startsWith(BYTE_ORDER_MARK) && !event.startsWith(BYTE_ORDER_MARK))
      throw new UnfilterableList('unreadable');
    return changed;
  }
}

/** The lines of one event. */
class EventLines {
  /** All data, with line feeds between the lines. */
  readonly data: string;
  /**
   * What stands before the last line of data, how that ends, and what stands after it. The line before the empty one stays so: after
   * another, which ends with CR, the LF of the empty line would be the end of that.
   */
  #before = '';
  #dataEnd = '';
  #after = '';

  constructor(event: string, hasByteOrderMark: boolean) {
    const data: string[] = [];
    let at = hasByteOrderMark ? BYTE_ORDER_MARK.length : 0;
    this.#before = event.slice(0, at);
    while (at < event.length) {
      const end = endOfLine(event, at);
      const next = event.charCodeAt(end) === CR && event.charCodeAt(end + 1) === LF ? end + 2 : end + 1;
      const value = dataOf(event, at, end);
      if (value === undefined) this.#after += event.slice(at, next);
      else {
        data.push(value);
        this.#before += this.#after;
        this.#dataEnd = event.slice(end, next);
        this.#after = '';
      }
      at = next;
    }
    this.data = data.join('\n');
  }

  /** The event with other data. JSON has line feeds only where a blank does as well. */
  withData(data: string): string {
    return `${this.#before}data: ${data.replaceAll('\n', ' ')}${this.#dataEnd}${this.#after}`;
  }
}

function endOfLine(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === LF || code === CR) break;
  }
  return at;
}

/** The value of a line with data, without the one blank that may come before it; undefined for other lines. */
function dataOf(event: string, start: number, end: number): string | undefined {
  const line = event.slice(start, end);
  const colon = line.indexOf(':');
  const name = colon === -1 ? line : line.slice(0, colon);
  if (name === 'data') return colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
  // A reader that is less exact than the standard would take it for data.
  if (name.replaceAll(/[^A-Za-z]/g, '').toLowerCase() === 'data') throw new UnfilterableList('unreadable');
  return undefined;
}
