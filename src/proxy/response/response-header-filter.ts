import { foldHeaderName } from '../../config/identity-headers.ts';
import { HOP_BY_HOP } from '../../core/header-names.ts';

/** What becomes of a field of a response: `special` ones are looked at more closely. */
type ResponseHeaderAction = 'relayed' | 'dropped' | 'special';

export interface ResponseHeaderName {
  /** In lower case. */
  readonly lower: string;
  readonly action: ResponseHeaderAction;
}

/** Names that are remembered at most; backends use some dozens, and one that makes names up is read anew each time. */
const MAX_KNOWN = 1024;
/** Longer names are read anew each time, too: a thousand of them would be 64 MiB. */
const MAX_KNOWN_LENGTH = 64;
const SPECIAL: ReadonlySet<string> = new Set(['connection', 'content-length', 'location']);

/**
 * Tells which fields of responses may go down. Not those of the hop (RFC 9110 §7.6.1) and not those that only the gateway may state:
 * the given ones in every spelling that some framework takes for them, and all of `x-sealgate-`. Remembers what it said.
 */
export class ResponseHeaderFilter {
  readonly #hidden: ReadonlySet<string>;
  readonly #known = new Map<string, ResponseHeaderName>();

  /** `hidden` are names that only the gateway may state. */
  constructor(hidden: Iterable<string>) {
    this.#hidden = new Set([...hidden].map(foldHeaderName));
  }

  /** What becomes of a field with this name, in whatever case it came. */
  of(name: string): ResponseHeaderName {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (name.length > MAX_KNOWN_LENGTH || this.#known.size >= MAX_KNOWN) return this.#read(name);
    // A piece of a text holds all of it, and this one would hold the whole head of a response.
    const kept = Buffer.from(name, 'latin1').toString('latin1');
    const read = this.#read(kept);
    this.#known.set(kept, read);
    return read;
  }

  #read(name: string): ResponseHeaderName {
    const lower = name.toLowerCase();
    return { lower, action: this.#actionOf(lower) };
  }

  #actionOf(lower: string): ResponseHeaderAction {
    if (SPECIAL.has(lower)) return 'special';
    if (HOP_BY_HOP.has(lower)) return 'dropped';
    const folded = foldHeaderName(lower);
    return this.#hidden.has(folded) || folded.startsWith('x-sealgate-') ? 'dropped' : 'relayed';
  }
}
