import { fromJsonSchema, McpServer, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { PIXEL, registerPromptsAndResources } from './conformance-content.ts';
import { registerInputRounds, verifyState } from './conformance-input.ts';

const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA=';

const text = (value: string) => ({ type: 'text' as const, text: value });
const image = { type: 'image' as const, data: PIXEL, mimeType: 'image/png' };
const embed = (uri: string, mimeType: string, value: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: value },
});

/** The tools of the conformance suite that return the same each time, by name. */
const FIXED = {
  test_simple_text: [text('This is a simple text response for testing.')],
  test_image_content: [image],
  test_audio_content: [{ type: 'audio' as const, data: SILENCE, mimeType: 'audio/wav' }],
  test_embedded_resource: [
    embed('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'),
  ],
  test_multiple_content_types: [
    text('Multiple content types test:'),
    image,
    embed('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
};

const string = (description: string, more: object = {}) => ({ type: 'string', description, ...more });

/** The tools that ask the person at the client, with the form of each. */
const FORMS: Readonly<Record<string, object>> = {
  test_elicitation: { response: string("the person's response") },
  test_elicitation_sep1034_defaults: {
    name: string('a name', { default: 'John Doe' }),
    age: { type: 'integer', description: 'an age', default: 30 },
    score: { type: 'number', description: 'a score', default: 95.5 },
    status: string('a status', { enum: ['active', 'inactive', 'pending'], default: 'active' }),
    verified: { type: 'boolean', description: 'whether it is verified', default: true },
  },
  test_elicitation_sep1330_enums: {
    untitledSingle: string('one', { enum: ['option1', 'option2', 'option3'] }),
    titledSingle: string('one', { oneOf: titled('value', ['First', 'Second', 'Third']) }),
    legacyEnum: string('one', {
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    }),
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: titled('value', ['First', 'Second', 'Third']) } },
  },
};

function titled(prefix: string, titles: readonly string[]) {
  return titles.map((title, index) => ({ const: `${prefix}${index + 1}`, title }));
}

/** Creates a server with everything that the scenarios of `@modelcontextprotocol/conformance` ask for. */
export function createConformanceServer(): McpServer {
  const server = new McpServer(
    { name: 'conformance', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        logging: {},
        completions: {},
      },
      requestState: { verify: verifyState },
    },
  );
  for (const [name, content] of Object.entries(FIXED))
    server.registerTool(name, { description: name }, () => ({ content }));
  for (const [name, properties] of Object.entries(FORMS))
    server.registerTool(name, { description: name, inputSchema: z.looseObject({}) }, async (args, ctx) => {
      const message = String(args.message ?? 'Please fill in the form');
      const { action, content } = await ctx.mcpReq.elicitInput(form(message, properties));
      return { content: [text(`${name}: action=${action}, content=${JSON.stringify(content ?? {})}`)] };
    });

  server.registerTool('test_error_handling', { description: 'fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_logging', { description: 'logs' }, async (ctx) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed'])
      await ctx.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
    return { content: [text('logged')] };
  });
  server.registerTool('test_tool_with_progress', { description: 'shows progress' }, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
    for (const progress of [0, 50, 100])
      await ctx.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 100 },
      });
    return { content: [text(String(progressToken))] };
  });
  server.registerTool('test_logging_tool', { description: 'logs if it may' }, async (ctx) => {
    await ctx.mcpReq.log('info', 'logged');
    return { content: [text('done')] };
  });
  server.registerTool('test_reconnection', { description: 'ends its stream' }, (ctx) => {
    ctx.http?.closeSSE?.();
    return { content: [text('reached after a reconnection')] };
  });
  server.registerTool(
    'test_sampling',
    { description: 'asks a model', inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, ctx) => {
      const result = await ctx.mcpReq.requestSampling(question(prompt));
      return { content: [text(`LLM response: ${JSON.stringify(result.content)}`)] };
    },
  );
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'has a schema of its own', inputSchema: fromJsonSchema(SCHEMA) },
    () => ({ content: [text('ok')] }),
  );
  server.registerTool(
    'test_custom_headers',
    { description: 'repeats an argument in a header', inputSchema: fromJsonSchema(HEADERS) },
    (args) => ({ content: [text(JSON.stringify(args))] }),
  );
  registerInputRounds(server);
  registerPromptsAndResources(server);
  return server;
}

function form(message: string, properties: object) {
  const requestedSchema = { type: 'object', properties };
  return { message, requestedSchema } as Parameters<ServerContext['mcpReq']['elicitInput']>[0];
}

function question(prompt: string): Parameters<ServerContext['mcpReq']['requestSampling']>[0] {
  return { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 };
}

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object' as const,
  $defs: {
    address: {
      $anchor: 'address',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contact: { type: 'string' },
    phone: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['name'] }, { required: ['phone'] }] }],
  if: { properties: { contact: { const: 'phone' } }, required: ['contact'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['name'] },
  additionalProperties: false,
};

const HEADERS = {
  type: 'object' as const,
  properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
  required: ['region'],
};
