import { createInterface } from 'node:readline';

/** Asks on standard error, so that standard output stays what the command gives. Undefined after Ctrl-C or Ctrl-D. */
export function askOnTerminal(question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    terminal.once('close', () => resolve(undefined));
    terminal.once('SIGINT', () => {
      process.stderr.write('\n');
      terminal.close();
    });
    terminal.question(question, (reply) => {
      resolve(reply);
      terminal.close();
    });
  });
}
