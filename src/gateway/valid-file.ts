import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';

/** A file without errors, with the options of the command line laid over its values. */
export interface ValidFile {
  readonly loaded: LoadedConfig;
  readonly config: Config;
}
