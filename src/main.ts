#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { askOnTerminal } from './cli/ask-on-terminal.ts';
import { COMMANDS } from './cli/commands.ts';
import { runCli } from './cli/run.ts';

// V8 would allocate objects of call sites whose first objects survived as old ones. Objects of a request are short-lived; as old ones they
// would stay, with all they point at, until the next full collection, which costs up to half as much CPU again for a request
// (docs/performance.md, "pretenuring off").
setFlagsFromString('--no-allocation-site-pretenuring');

// A reader that closes the pipe early (`sealgate schema | head`) is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// No await here: a single executable is loaded as CommonJS (scripts/build-executable.mjs).
void runCli(process.argv.slice(2), COMMANDS, {
  env: process.env,
  isTTY: process.stdout.isTTY === true,
  stdout: process.stdout,
  stderr: process.stderr,
  readStdin: () => text(process.stdin),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask: askOnTerminal } : {}),
}).then((exitCode) => {
  process.exitCode = exitCode;
  // What a command left open must not keep the process alive.
  setTimeout(() => process.exit(exitCode), 1000).unref();
});
