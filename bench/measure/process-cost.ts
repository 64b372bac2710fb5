import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const MICROS_PER_TICK = 1_000_000 / Number(spawnSync('getconf', ['CLK_TCK']).stdout);

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

/** CPU time of a process, its living descendants and its reaped children, in microseconds (proc(5), `stat`). */
export function cpuMicros(pid: number): number {
  return family(pid).reduce((sum, stat) => sum + stat.ticks, 0) * MICROS_PER_TICK;
}

/** Resident memory of a process and its descendants in MiB; shared pages count once per process. */
export function residentMiB(pid: number): number {
  return familyPids(pid).reduce((sum, member) => sum + rssKiB(member), 0) / 1024;
}

function rssKiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
}

function family(pid: number): Stat[] {
  if (!existsSync(`/proc/${pid}`)) throw new Error('its process had ended');
  return familyPids(pid).map((member) => readStat(member));
}

function familyPids(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      parents.set(Number(entry), readStat(Number(entry)).parent);
    } catch {
      // It ended after it was listed.
    }
  }
  const members = [root];
  for (const member of members) {
    for (const [pid, parent] of parents) if (parent === member) members.push(pid);
  }
  return members;
}

function readStat(pid: number): Stat {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name of the program may contain spaces and brackets; the fields start after its last bracket.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [utime = 0, stime = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1] ?? 0, ticks: utime + stime + childUser + childSystem };
}
