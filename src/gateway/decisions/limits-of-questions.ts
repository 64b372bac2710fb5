import type { Config } from '../../config/schema/config.ts';

type Limits = Config['listen']['limits'];

/** The fields that an asking proxy adds to those of the client. */
const ADDED_FIELDS = 16;

/** The limits of questions: each has the header fields of a request, and its target up to twice more. */
export function limitsOfQuestions(limits: Limits): Limits {
  const { headers, headerBytes } = limits;
  return { ...limits, headers: headers + ADDED_FIELDS, headerBytes: 3 * headerBytes };
}
