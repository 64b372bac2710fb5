import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A place as the Language Server Protocol counts: from 0. */
export interface Place {
  readonly line: number;
  readonly character: number;
}

export interface Diagnostic {
  readonly range: { readonly start: Place; readonly end: Place };
  readonly message: string;
}

export interface Editor {
  /** What is underlined in the text. */
  readonly diagnostics: (text: string) => Promise<readonly Diagnostic[]>;
  /** Labels that are offered at the place marked with `|` in the text. */
  readonly complete: (text: string) => Promise<readonly string[]>;
  /** What is shown for the place marked with `|`. */
  readonly hover: (text: string) => Promise<string>;
  readonly close: () => void;
}

const root = resolve(import.meta.dirname, '../../..');

/** An editor with the YAML language server behind it, and a new file in the folder `config/` open. Nothing is written to disk. */
export async function openEditor(): Promise<Editor> {
  const program = resolve(root, 'node_modules/yaml-language-server/bin/yaml-language-server');
  const server = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting = new Map<number | string, (result: unknown) => void>();
  let buffer = Buffer.alloc(0);
  let lastId = 0;
  let version = 0;

  const send = (message: object): void => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  const request = (method: string, params: object): Promise<unknown> => {
    lastId += 1;
    const id = lastId;
    send({ id, method, params });
    return new Promise((settle) => waiting.set(id, settle));
  };
  const receive = (message: Message): void => {
    if (message.method === 'textDocument/publishDiagnostics') {
      waiting.get(String(message.params?.uri))?.(message.params?.diagnostics);
    } else if (message.method !== undefined && message.id !== undefined) {
      send({ id: message.id, result: null });
    } else if (message.id !== undefined) {
      waiting.get(message.id)?.(message.result);
    }
  };
  server.stdout.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const head = buffer.indexOf('\r\n\r\n');
      if (head === -1) return;
      const length = Number(/Content-Length: (\d+)/i.exec(buffer.toString('latin1', 0, head))?.[1]);
      if (buffer.length < head + 4 + length) return;
      receive(JSON.parse(buffer.toString('utf8', head + 4, head + 4 + length)) as Message);
      buffer = buffer.subarray(head + 4 + length);
    }
  });

  await request('initialize', {
    processId: process.pid,
    rootUri: pathToFileURL(root).href,
    capabilities: {},
  });
  send({ method: 'initialized', params: {} });
  const settings = {
    yaml: { schemaStore: { enable: false }, validate: true, hover: true, completion: true },
  };
  send({ method: 'workspace/didChangeConfiguration', params: { settings } });

  const open = (text: string): string => {
    version += 1;
    const uri = pathToFileURL(resolve(root, `config/open-${version}.yaml`)).href;
    send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri, languageId: 'yaml', version, text } },
    });
    return uri;
  };
  const ask = (method: string, marked: string): Promise<unknown> => {
    const offset = marked.indexOf('|');
    const lines = marked.slice(0, offset).split('\n');
    const position: Place = { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
    const uri = open(marked.slice(0, offset) + marked.slice(offset + 1));
    return request(method, { textDocument: { uri }, position });
  };
  return {
    diagnostics: (text) => {
      const uri = pathToFileURL(resolve(root, `config/open-${version + 1}.yaml`)).href;
      const response = new Promise<unknown>((settle) => waiting.set(uri, settle));
      open(text);
      return response as Promise<readonly Diagnostic[]>;
    },
    complete: async (marked) => {
      const list = (await ask('textDocument/completion', marked)) as { items: readonly { label: string }[] };
      return list.items.map(({ label }) => label);
    },
    hover: async (marked) => {
      const response = (await ask('textDocument/hover', marked)) as { contents: { value: string } } | null;
      return response?.contents.value ?? '';
    },
    close: () => {
      server.kill();
    },
  };
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly result?: unknown;
  readonly params?: { readonly uri?: unknown; readonly diagnostics?: unknown };
}
