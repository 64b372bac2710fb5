#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { COMMANDS } from './cli/commands.ts';
import { runCli } from './cli/run.ts';

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
