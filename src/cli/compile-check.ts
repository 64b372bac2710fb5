import { findProblems } from '../gateway/generation.ts';
import type { ConfigCheck } from './check.ts';

/** Compiles a valid file as `start` would and reports what only that shows: presets, certificates, expressions. */
export const compileCheck: ConfigCheck = async (loaded) => ({ problems: await findProblems(loaded) });
