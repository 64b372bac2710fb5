/** The methods behind which a name or URI stands in `tests` and on the command line. */
const NAMING_METHODS = [
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
] as const;
export type NamingMethod = (typeof NAMING_METHODS)[number];

/** A message such as `tools/call search`: its method, and what stands behind it. */
export function splitMessageText(text: string): {
  readonly method: string;
  readonly named: string | undefined;
} {
  const blank = text.indexOf(' ');
  return blank === -1
    ? { method: text, named: undefined }
    : { method: text.slice(0, blank), named: text.slice(blank + 1) };
}

/** Why the text is no such message; undefined when it is one. */
export function findMessageFlaw(text: string): string | undefined {
  const { method, named } = splitMessageText(text);
  if (method === '' || named === '')
    return 'expected a method of MCP, with the name or URI that it is about behind one space';
  if (named === undefined || (NAMING_METHODS as readonly string[]).includes(method)) return undefined;
  return `a message \`${method}\` names nothing that rules are about`;
}
