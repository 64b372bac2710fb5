/** What a command may touch of the process, so that tests can hold it. */
export interface CommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stdout is a terminal. */
  readonly isTTY: boolean;
  /** Reads standard input to its end. */
  readonly readStdin?: () => Promise<string>;
}
