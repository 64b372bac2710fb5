import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** One request as it came over the wire. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** Names as sent, values, in order. */
  readonly headers: readonly (readonly [string, string])[];
  /** Which connection it came on, from 0. */
  readonly connection: number;
  readonly socket: Socket;
  /** The body as far as it has come, without its chunk framing. */
  body: Buffer;
  /** Settles when the body is there in full; rejects when the connection ends before. */
  readonly whole: Promise<void>;
}

/** A backend that records every byte at its socket and responds as a test wants, also against the rules. */
export interface RawUpstream {
  readonly port: number;
  readonly url: string;
  readonly requests: SeenRequest[];
  readonly sockets: Socket[];
  /** Every byte that came, per connection. */
  readonly bytes: Buffer[];
  readonly server: Server;
  close(): Promise<void>;
}

/** Called when the head of a request is there. */
export type Reply = (request: SeenRequest) => void;

/** A complete response as bytes, for `socket.write`. */
export function response(status: string, headers: string[] = [], body = ''): string {
  return `HTTP/1.1 ${status}\r\n${[`content-length: ${Buffer.byteLength(body)}`, ...headers].join('\r\n')}\r\n\r\n${body}`;
}

/** The values of a header field of a seen request, whatever its spelling. */
export function valuesOf(request: SeenRequest | undefined, name: string): string[] {
  const found = request?.headers.filter(([key]) => key.toLowerCase() === name) ?? [];
  return found.map(([, value]) => value);
}

export async function startRawUpstream(respond: Reply): Promise<RawUpstream> {
  const requests: SeenRequest[] = [];
  const sockets: Socket[] = [];
  const bytes: Buffer[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = sockets.push(socket) - 1;
    bytes[connection] = Buffer.alloc(0);
    socket.on('error', () => {});
    const reader = new RequestReader(connection, socket, (request) => {
      requests.push(request);
      respond(request);
    });
    socket.on('data', (chunk: Buffer) => {
      // Big uploads are counted by their readers; what is compared byte for byte is small.
      if ((bytes[connection] as Buffer).length < 1 << 20) {
        bytes[connection] = Buffer.concat([bytes[connection] as Buffer, chunk]);
      }
      reader.feed(chunk);
    });
    socket.on('close', () => reader.ended());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    sockets,
    bytes,
    server,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Splits the bytes of one connection into requests (RFC 9112), leniently: it is the gateway that is tested. */
class RequestReader {
  #pending: Buffer = Buffer.alloc(0);
  #current: SeenRequest | undefined;
  #left = 0;
  #chunked = false;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};
  readonly #connection: number;
  readonly #socket: Socket;
  readonly #onResponseStart: Reply;

  constructor(connection: number, socket: Socket, onResponseStart: Reply) {
    this.#connection = connection;
    this.#socket = socket;
    this.#onResponseStart = onResponseStart;
  }

  feed(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#step());
  }

  ended(): void {
    if (this.#current !== undefined) this.#reject(new Error('the connection ended within a request'));
  }

  #step(): boolean {
    if (this.#current === undefined) return this.#readHead();
    return this.#chunked ? this.#readChunk() : this.#readLength();
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf('\r\n\r\n');
    if (end === -1) return false;
    const [line = '', ...fields] = this.#pending.toString('latin1', 0, end).split('\r\n');
    this.#pending = this.#pending.subarray(end + 4);
    const [method = '', target = ''] = line.split(' ');
    const headers = fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon), field.slice(colon + 1).trim()] as const;
    });
    const whole = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    whole.catch(() => {});
    const request = {
      method,
      target,
      headers,
      connection: this.#connection,
      socket: this.#socket,
      body: Buffer.alloc(0),
      whole,
    };
    this.#chunked = valuesOf(request, 'transfer-encoding').length > 0;
    this.#left = Number(valuesOf(request, 'content-length')[0] ?? 0);
    this.#current = request;
    if (!this.#chunked && this.#left === 0) this.#complete();
    this.#onResponseStart(request);
    return true;
  }

  #readLength(): boolean {
    const part = this.#pending.subarray(0, this.#left);
    if (part.length === 0) return false;
    this.#take(part);
    this.#left -= part.length;
    this.#pending = this.#pending.subarray(part.length);
    if (this.#left === 0) this.#complete();
    return true;
  }

  #readChunk(): boolean {
    const end = this.#pending.indexOf('\r\n');
    if (end === -1) return false;
    const size = Number.parseInt(this.#pending.toString('latin1', 0, end), 16);
    if (this.#pending.length < end + 2 + size + 2) return false;
    this.#take(this.#pending.subarray(end + 2, end + 2 + size));
    this.#pending = this.#pending.subarray(end + 2 + size + 2);
    if (size === 0) this.#complete();
    return true;
  }

  #take(part: Buffer): void {
    if (this.#current !== undefined) this.#current.body = Buffer.concat([this.#current.body, part]);
  }

  #complete(): void {
    this.#current = undefined;
    this.#resolve();
  }
}
