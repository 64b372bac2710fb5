import { foldHeaderName } from '../../config/identity-headers.ts';
import { HOP_BY_HOP } from '../../core/header-names.ts';
import { HeaderNameMemo } from '../../http/header-name-memo.ts';

/** What becomes of a field of a response; a `special` one has a rule of its own. */
type ResponseHeaderAction = 'relayed' | 'dropped' | 'special';

export interface ResponseHeaderName {
  /** In lower case. */
  readonly lower: string;
  readonly action: ResponseHeaderAction;
}

const SPECIAL: ReadonlySet<string> = new Set(['connection', 'content-length', 'location']);

/**
 * Decides which fields of responses may go to the client: not those of the hop (RFC 9110 §7.6.1), and not those that only the
 * gateway may set: the given names in every spelling that some framework takes for them, and all of `x-sealgate-`.
 */
export class ResponseHeaderFilter {
  readonly #hidden: ReadonlySet<string>;
  readonly #names = new HeaderNameMemo((name): ResponseHeaderName => {
    const lower = name.toLowerCase();
    return { lower, action: this.#actionOf(lower) };
  });

  /** `hidden` are names that only the gateway may set. */
  constructor(hidden: Iterable<string>) {
    this.#hidden = new Set([...hidden].map(foldHeaderName));
  }

  /** What becomes of a field with this name, in whatever case it came. */
  of(name: string): ResponseHeaderName {
    return this.#names.of(name);
  }

  #actionOf(lower: string): ResponseHeaderAction {
    if (SPECIAL.has(lower)) return 'special';
    if (HOP_BY_HOP.has(lower)) return 'dropped';
    const folded = foldHeaderName(lower);
    return this.#hidden.has(folded) || folded.startsWith('x-sealgate-') ? 'dropped' : 'relayed';
  }
}
