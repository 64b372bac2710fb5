import { readFileSync } from 'node:fs';

/** A command of a page of the documentation. */
export interface DocumentedCommand {
  /** Such as `docs/operations.md:12`. */
  readonly where: string;
  /** The heading above it. */
  readonly section: string;
  /** One line of a shell, comments and all. */
  readonly text: string;
  /** Its first word, such as `kubectl`; empty where the line only sets a variable. */
  readonly program: string;
}

/** Reads every line of every `sh` block of a page. A command is one line there, so that it can be copied and run by itself. */
export function readCommands(page: string): DocumentedCommand[] {
  const commands: DocumentedCommand[] = [];
  let section = '';
  let inside: 'sh' | 'other' | undefined;
  for (const [index, line] of readFileSync(page, 'utf8').split('\n').entries()) {
    const fence = /^ *```(\w*)/.exec(line);
    if (fence !== null) {
      inside = inside === undefined ? (fence[1] === 'sh' ? 'sh' : 'other') : undefined;
      continue;
    }
    if (inside === undefined) section = /^#+ (.*)/.exec(line)?.[1] ?? section;
    if (inside !== 'sh' || line.trim() === '') continue;
    const program = /^[A-Z_]+=/.test(line) ? '' : (/^\S+/.exec(line)?.[0] ?? '');
    commands.push({ where: `${page}:${index + 1}`, section, text: line, program });
  }
  return commands;
}
