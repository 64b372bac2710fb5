import { filterListMessage } from './filter-list-message.ts';
import { HeldBytes } from './held-bytes.ts';
import type { ListVisibility } from './list-visibility.ts';

/** Filters the lists in a body that is one message. Nothing of it goes on before all of it has come. */
export class MessageBodyFilter {
  readonly #visibility: ListVisibility;
  readonly #held = new HeldBytes();

  constructor(visibility: ListVisibility) {
    this.#visibility = visibility;
  }

  /** Takes the next piece, with one character for each byte. Throws `UnfilterableList`, as `end` does. */
  write(text: string): string {
    this.#held.add(text);
    return '';
  }

  end(): string {
    return filterListMessage(this.#held.take(), this.#visibility).toString('latin1');
  }
}
