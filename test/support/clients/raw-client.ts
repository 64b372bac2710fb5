import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What came back over one connection, and how it ended. */
export interface RawResponse {
  readonly text: string;
  readonly ended: 'closed' | 'reset' | 'open';
}

/** A client that sends exactly these bytes. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  #ended: RawResponse['ended'] = 'open';

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
    });
    this.socket.on('error', () => {
      this.#ended = 'reset';
    });
    this.socket.on('close', () => {
      if (this.#ended === 'open') this.#ended = 'closed';
    });
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes, 'latin1');
  }

  /** Waits until the text fits. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.socket.closed) throw new Error(`closed before ${pattern}: ${this.text}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
    return this.text;
  }

  /** Waits until the connection is over. */
  async end(): Promise<RawResponse> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve));
    return { text: this.text, ended: this.#ended };
  }

  destroy(): void {
    this.socket.destroy();
  }
}
