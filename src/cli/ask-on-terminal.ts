import { createInterface, type Interface } from 'node:readline';

/** Lines that came before they were asked for: pasted, or typed ahead. */
const ahead: string[] = [];
let terminal: Interface | undefined;
let isClosed = false;
let waiting: ((reply: string | undefined) => void) | undefined;

/** Asks on standard error, so that standard output stays what the command gives. Undefined after Ctrl-C or Ctrl-D. */
export function askOnTerminal(question: string): Promise<string | undefined> {
  const typed = ahead.shift();
  if (typed !== undefined) {
    process.stderr.write(`${question}${typed}\n`);
    return Promise.resolve(typed);
  }
  if (isClosed) return Promise.resolve(undefined);
  const asked = terminal ?? openTerminal();
  return new Promise((resolve) => {
    waiting = resolve;
    process.stdin.setRawMode?.(true);
    asked.setPrompt(question);
    asked.prompt();
  });
}

/** One for all questions: each would take the lines that come after its own with it. */
function openTerminal(): Interface {
  const opened = createInterface({ input: process.stdin, output: process.stderr });
  opened.on('line', (line) => {
    if (waiting === undefined) ahead.push(line);
    else reply(line);
  });
  opened.on('SIGINT', () => {
    process.stderr.write('\n');
    opened.close();
  });
  opened.on('close', () => {
    isClosed = true;
    reply(undefined);
  });
  terminal = opened;
  return opened;
}

function reply(line: string | undefined): void {
  const resolve = waiting;
  waiting = undefined;
  // Until the next question, Ctrl-C ends the command and nothing keeps it alive.
  if (!isClosed) terminal?.pause();
  process.stdin.setRawMode?.(false);
  resolve?.(line);
}
