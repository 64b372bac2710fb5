import { findProblems } from '../../gateway/generation.ts';
import type { ConfigCheck } from './check.ts';

/** Compiles what is valid as `start` would and reports what only that shows: presets, certificates, expressions. */
export const compileCheck: ConfigCheck = async (sound) => ({ problems: await findProblems(sound) });
