import { ADVICE } from '../src/cli/advice.ts';
import { CAUSES, type Cause } from '../src/core/causes.ts';
import { REFUSALS, type RefusalCode, type RefusalRow } from '../src/core/refusals.ts';

/** Writes docs/advice.md: one section per code, one line per cause. */
export function advicePage(): string {
  const causes = Object.keys(CAUSES) as Cause[];
  const sections = Object.entries<RefusalRow>(REFUSALS).flatMap(([code, { status, title }]) => {
    const own = causes.filter((cause) => CAUSES[cause] === (code as RefusalCode));
    if (own.length === 0) return [];
    const lines = own.map((cause) => `- ${nameCause(cause)}: ${ADVICE[cause]}.`);
    return [`## \`${code}\` (${status}): ${title}\n\n${lines.join('\n')}\n`];
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

function nameCause(cause: Cause): string {
  return `_${cause.replaceAll('_', ' ')}_`;
}

const INTRODUCTION = `<!-- Written by \`npm run generate\` from src/cli/advice.ts. Edit there. -->

# What to do about a refusal

One code has several causes, each with its own solution. The \`reason\` of the access line names the cause.
\`sealgate explain\` shows the advice for the cause of one request; here is the advice for all causes, including those that
only a connection or a backend can produce.
`;
