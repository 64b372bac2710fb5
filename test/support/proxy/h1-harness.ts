import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Test } from 'tap';
import type { HeaderPairs } from '../../../src/http/header-pairs.ts';
import type { ConnectTls } from '../../../src/proxy/connector.ts';
import type {
  BodyChunk,
  DispatchController,
  Dispatcher,
  DispatchHandler,
  UpstreamRequest,
  UpstreamTimeouts,
} from '../../../src/proxy/dispatcher.ts';
import { createH1Dispatcher } from '../../../src/proxy/h1/h1-dispatcher.ts';
import { createH2Dispatcher } from '../../../src/proxy/h2/h2-dispatcher.ts';
import type { ResponseHead } from '../../../src/proxy/response/response-parser.ts';

export interface DispatcherOptions extends Partial<UpstreamTimeouts> {
  readonly host?: string;
  readonly socketPath?: string;
  readonly tls?: ConnectTls;
  readonly protocol?: 'h1' | 'h2';
}

/** A dispatcher to a port of this machine, destroyed when the test ends. */
export function openDispatcher(t: Test, port: number, options: DispatcherOptions = {}): Dispatcher {
  const { host = '127.0.0.1', socketPath, tls, protocol = 'h1', ...timeouts } = options;
  const all = {
    connectMs: 2_000,
    responseMs: 9_000,
    idleMs: 9_000,
    keepAliveMs: 4_000,
    ageMs: 300_000,
    ...timeouts,
  };
  const create = protocol === 'h1' ? createH1Dispatcher : createH2Dispatcher;
  const dispatcher = create({
    origin: `http://${host}:${port}`,
    host: 'backend.example',
    connect: { host, port, socketPath, protocol, tls, connectTimeoutMs: all.connectMs },
    timeouts: all,
  });
  t.teardown(() => dispatcher.destroy());
  return dispatcher;
}

/** A GET without anything, but for what is stated. */
export function request(parts: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    path: '/',
    headers: [],
    body: null,
    bodyLength: undefined,
    responseMs: 9_000,
    idleMs: 9_000,
    isHandshake: false,
    ...parts,
  };
}

/** A body that has nothing in it. */
export function emptyBody(): Readable {
  return Readable.from([]);
}

/** What a test does from within a call; the listener takes its notes first. */
export type Reactions = { readonly [Name in keyof DispatchHandler]?: NonNullable<DispatchHandler[Name]> };

/** Writes down what it hears, and that it hears nothing more once it is over. */
export class Listener implements DispatchHandler {
  readonly heads: ResponseHead[] = [];
  /** Kept as they came, so that later writes over them are found. */
  readonly pieces: Buffer[] = [];
  /** The names of the calls, in order; data once in a row. */
  readonly calls: string[] = [];
  readonly over: Promise<this>;
  trailers: HeaderPairs = [];
  controller: DispatchController | undefined;
  error: (Error & { code?: string }) | undefined;
  socket: Socket | undefined;
  readonly #reactions: Reactions;
  #settle: (self: this) => void = () => {};
  #isOver = false;

  constructor(reactions: Reactions = {}) {
    this.#reactions = reactions;
    this.over = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get status(): number {
    return this.heads.at(-1)?.status ?? 0;
  }

  get body(): string {
    return Buffer.concat(this.pieces).toString('latin1');
  }

  onRequestStart(controller: DispatchController): boolean {
    this.#note('start');
    this.controller = controller;
    return this.#reactions.onRequestStart?.(controller) ?? true;
  }

  onResponseStart(head: ResponseHead): void {
    this.#note('head');
    this.heads.push(head);
    this.#reactions.onResponseStart?.(head);
  }

  onReadEnd(): void {
    this.#note('quiet');
    this.#reactions.onReadEnd?.();
  }

  onResponseData(chunk: BodyChunk): boolean {
    this.#note('data');
    this.pieces.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk);
    return this.#reactions.onResponseData?.(chunk) ?? true;
  }

  onResponseEnd(trailers: HeaderPairs): void {
    this.#end('complete');
    this.trailers = trailers;
    this.#reactions.onResponseEnd?.(trailers);
  }

  onRequestUpgrade(head: ResponseHead, socket: Socket): void {
    this.#end('upgrade');
    this.heads.push(head);
    this.socket = socket;
    this.#reactions.onRequestUpgrade?.(head, socket);
  }

  onResponseError(error: Error): void {
    this.#end('error');
    this.error = error;
    this.#reactions.onResponseError?.(error);
  }

  #end(call: string): void {
    this.#note(call);
    this.#isOver = true;
    setImmediate(this.#settle, this);
  }

  #note(call: string): void {
    const name = this.#isOver ? `late ${call}` : call;
    if (this.calls.at(-1) !== name || name !== 'data') this.calls.push(name);
  }
}

/** Sends a request and waits until all is heard of it. */
export function ask(
  dispatcher: Dispatcher,
  parts: Partial<UpstreamRequest> = {},
  reactions?: Reactions,
): Promise<Listener> {
  return send(dispatcher, parts, reactions).over;
}

export function send(
  dispatcher: Dispatcher,
  parts: Partial<UpstreamRequest> = {},
  reactions?: Reactions,
): Listener {
  const listener = new Listener(reactions);
  dispatcher.send(request(parts), listener);
  return listener;
}

/** Lets a server listen for the time of the test; gives its port. */
export async function listen(
  t: Test,
  server: Server,
  where: { path: string } | { host: string } = { host: '127.0.0.1' },
): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen('path' in where ? where : { port: 0, ...where });
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
