import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { freePorts } from '../backends/ports.ts';

export interface RedisServer {
  readonly url: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** True when Debian's redis-server is installed. */
export function hasRedisServer(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Starts a Redis on a free port of the loopback that saves nothing by itself; `folder` may have what was saved. */
export async function startRedisServer(port?: number, folder = tmpdir()): Promise<RedisServer> {
  const own = port ?? (await freePorts(1))[0];
  const child = spawn(
    'redis-server',
    [
      '--port',
      String(own),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--dir',
      folder,
      '--dbfilename',
      `sealgate-${own}.rdb`,
      '--appendonly',
      'no',
      '--requirepass',
      'sesame',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  await new Promise<void>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (text.includes('Ready to accept connections')) resolve();
    });
    child.once('exit', () => reject(new Error(`redis-server ended: ${text.slice(-300)}`)));
  });
  return {
    url: `redis://:sesame@127.0.0.1:${own}`,
    process: child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
