import { foldHeaderName } from '../../config/identity-headers.ts';
import { HOP_BY_HOP } from '../../core/header-names.ts';

/** What becomes of a field of a response; a `special` one has a rule of its own. */
type ResponseHeaderAction = 'relayed' | 'dropped' | 'special';

const SPECIAL: ReadonlySet<string> = new Set(['connection', 'content-length', 'location']);

/**
 * Decides which fields of responses may go to the client: not those of the hop (RFC 9110 §7.6.1), and not those that only the
 * gateway may set: the given names in every spelling that some framework takes for them, and all of `x-sealgate-`.
 */
export class ResponseHeaderFilter {
  readonly #hidden: ReadonlySet<string>;

  /** `hidden` are names that only the gateway may set. */
  constructor(hidden: Iterable<string>) {
    this.#hidden = new Set([...hidden].map(foldHeaderName));
  }

  /** What becomes of a field; `lower` is its name in lower case. */
  actionOf(lower: string): ResponseHeaderAction {
    if (SPECIAL.has(lower)) return 'special';
    if (HOP_BY_HOP.has(lower)) return 'dropped';
    const folded = foldHeaderName(lower);
    return this.#hidden.has(folded) || folded.startsWith('x-sealgate-') ? 'dropped' : 'relayed';
  }
}
