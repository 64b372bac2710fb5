import { GOING_AWAY, Tunnel, type TunnelOptions } from './tunnel.ts';

/** The open tunnels of a gateway, so that it can end them all. */
export interface Tunnels {
  readonly size: number;
  open(options: TunnelOptions): Tunnel;
  /** Sends every client a Close frame (1001) and closes a second later; new tunnels are closed as they open. */
  drain(): void;
}

/** Makes the register of a gateway's tunnels. It outlives reloads: a tunnel stays on what it was opened with. */
export function createTunnels(): Tunnels {
  const tunnels = new Set<Tunnel>();
  let draining = false;
  return {
    get size() {
      return tunnels.size;
    },
    open(options) {
      const tunnel = new Tunnel({
        ...options,
        ended() {
          tunnels.delete(tunnel);
          options.ended();
        },
      });
      tunnels.add(tunnel);
      if (draining) tunnel.close(GOING_AWAY);
      return tunnel;
    },
    drain() {
      draining = true;
      for (const tunnel of tunnels) tunnel.close(GOING_AWAY);
    },
  };
}
