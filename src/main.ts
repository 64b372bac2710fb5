#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { COMMANDS } from './cli/commands.ts';
import { runCli } from './cli/run.ts';

// What survives the first collections, while all of it is new, V8 would from then on make as old objects. Of a request nothing gets
// old; but each such object keeps what it points at until the next full collection, at up to half as much CPU again for a request.
setFlagsFromString('--no-allocation-site-pretenuring');

// A reader that has seen enough (`sealgate schema | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const exitCode = await runCli(process.argv.slice(2), COMMANDS, {
  env: process.env,
  isTTY: process.stdout.isTTY === true,
  stdout: process.stdout,
  stderr: process.stderr,
  readStdin: () => text(process.stdin),
});

process.exitCode = exitCode;
// Whatever a command left open must not keep an ended process alive.
setTimeout(() => process.exit(exitCode), 1000).unref();
