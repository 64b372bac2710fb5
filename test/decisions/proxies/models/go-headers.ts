/** Header fields as Go's net/http keeps them: values by the canonical name, in which `_` and `.` stay (textproto.CanonicalMIMEHeaderKey). */
export class GoHeaders {
  readonly #values = new Map<string, string[]>();

  /** `lines` as a client sends them. Host is not among a server's fields. */
  static of(lines: readonly string[]): GoHeaders {
    const headers = new GoHeaders();
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^:]+):[ \t]*(.*)$/s.exec(line) ?? [];
      if (!/^host$/i.test(name)) headers.add(name, value);
    }
    return headers;
  }

  add(name: string, value: string): void {
    this.#values.set(canonical(name), [...this.values(name), value]);
  }

  set(name: string, ...values: readonly string[]): void {
    this.#values.set(canonical(name), [...values]);
  }

  delete(name: string): void {
    this.#values.delete(canonical(name));
  }

  values(name: string): readonly string[] {
    return this.#values.get(canonical(name)) ?? [];
  }

  copy(): GoHeaders {
    const headers = new GoHeaders();
    for (const [name, values] of this.#values) headers.set(name, ...values);
    return headers;
  }

  /** Names and values in turn. */
  pairs(): readonly string[] {
    return [...this.#values].flatMap(([name, values]) => values.flatMap((value) => [name, value]));
  }

  /** The names in the lists of Connection. */
  named(): readonly string[] {
    return this.values('connection').flatMap((value) => value.split(',').map((name) => name.trim()));
  }
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}
