import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequest,
  type InputRequests,
  inputRequired,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';

type Round = { readonly inputRequests: InputRequests; readonly requestState?: string };

const ask = (message: string, field: string): InputRequest =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] },
  });
const sample = (question: string): InputRequest =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: question } }],
    maxTokens: 50,
  });

/** The tools that need input from the client before they are done (since 2026-07-28), with what each asks for, round by round. */
const TOOLS: Readonly<Record<string, readonly Round[]>> = {
  elicitation: [{ inputRequests: { user_name: ask('What is your name?', 'name') } }],
  sampling: [{ inputRequests: { capital_question: sample('What is the capital of France?') } }],
  list_roots: [{ inputRequests: { client_roots: inputRequired.listRoots() } }],
  tampered_state: [{ inputRequests: { name: ask('What is your name?', 'name') }, requestState: 'sealed' }],
  request_state: [{ inputRequests: { confirm: ask('Please confirm', 'ok') }, requestState: 'state-ok' }],
  multiple_inputs: [
    {
      inputRequests: {
        user_name: ask('What is your name?', 'name'),
        greeting: sample('Generate a greeting'),
        client_roots: inputRequired.listRoots(),
      },
      requestState: 'many',
    },
  ],
  multi_round: [
    { inputRequests: { step1: ask('Step 1: What is your name?', 'name') }, requestState: 'first' },
    {
      inputRequests: { step2: ask('Step 2: What is your favorite color?', 'color') },
      requestState: 'second',
    },
  ],
};

/** Refuses a state that no round has. */
export function verifyState(state: string): string {
  const known = Object.values(TOOLS).flatMap((rounds) => rounds.map(({ requestState }) => requestState));
  if (!known.includes(state)) throw new Error('the state was changed');
  return state;
}

/** Adds tools and a prompt that ask back. */
export function registerInputRounds(server: McpServer): void {
  for (const [name, rounds] of Object.entries(TOOLS))
    server.registerTool(`test_input_required_result_${name}`, { description: name }, (ctx) => {
      const responses = ctx.mcpReq.inputResponses ?? {};
      const open = rounds.find((round) => !isDone(round, ctx));
      if (open) return inputRequired({ ...open });
      return reply(`${name} ${ctx.mcpReq.requestState() ?? ''} ${JSON.stringify(responses)}`);
    });
  server.registerTool('test_streaming_elicitation', { description: 'asks back' }, () =>
    inputRequired({ inputRequests: { name: ask('What is your name?', 'name') } }),
  );
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'asks what it may' },
    (ctx) =>
      capabilities(ctx).sampling
        ? inputRequired({ inputRequests: { model: sample('What is the capital of France?') } })
        : reply('nothing to ask'),
  );
  server.registerTool('test_missing_capability', { description: 'needs sampling' }, () =>
    inputRequired({ inputRequests: { model: sample('What is the capital of France?') } }),
  );
  server.registerPrompt('test_input_required_result_prompt', { description: 'asks back' }, (ctx) => {
    if (ctx.mcpReq.inputResponses === undefined)
      return inputRequired({ inputRequests: { user_context: ask('What context?', 'context') } });
    return { messages: [{ role: 'user', content: { type: 'text', text: 'with your context' } }] };
  });
}

function capabilities({ mcpReq }: ServerContext) {
  const envelope = mcpReq.envelope as Readonly<Record<string, unknown>> | undefined;
  return (envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as ClientCapabilities;
}

/** Whether the client gave what this round asked for; later rounds are known by their state. */
function isDone({ inputRequests, requestState }: Round, { mcpReq }: ServerContext): boolean {
  const keys = Object.keys(inputRequests);
  const hasAll = keys.every((key) => mcpReq.inputResponses?.[key] !== undefined);
  return hasAll || (requestState === 'first' && mcpReq.requestState() === 'second');
}

function reply(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] };
}
