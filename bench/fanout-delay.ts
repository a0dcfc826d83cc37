import {spawn} from 'node:child_process';
import path from 'node:path';
import type {Section} from './bench-report.js';
import {holdContest} from './contest.js';
import {type DelayProxy, startDelayProxy} from './delay-proxy.js';
import {listRunners, runDrover} from './fanout-peers.js';
import type {LoopbackFleet} from './loopback-fleet.js';
import type {Column} from './table.js';

const roundTripMs = 40;
/** Long enough that the work of this machine disappears behind it. */
const longTripMs = 500;

/** All hosts 40 ms away. Their sshd is on this machine still, so that its work hides a part of the waiting. */
export async function measureDelayed(
  folder: string,
  fleet: LoopbackFleet,
  options: {
    readonly count: number;
    /** Who takes part. */
    readonly names: readonly string[];
    readonly rounds: number;
    readonly columns: readonly Column[];
    readonly say: (line: string) => void;
  },
): Promise<Section> {
  const {count, names, rounds, columns, say} = options;
  const proxy = await startDelayProxy(fleet.port, fleet.access(count).hosts, roundTripMs);
  try {
    const runners = listRunners(path.join(folder, 'delayed'), fleet.access(count, {port: proxy.port}), {slowRounds: 1});
    const rows = await holdContest(
      runners.filter(({name}) => names.includes(name)),
      {rounds, say, readServerCpuS: fleet.cpu.readS},
    );
    return {
      title: `${count} hosts, ${roundTripMs} ms away`,
      columns,
      rows,
      note: 'Through a TCP proxy that holds back whatever passes; the TCP handshake itself is not late. The hosts still work on the cores of this machine, and so does the proxy: hosts with CPUs of their own are not measured here.',
    };
  } finally {
    proxy.close();
  }
}

/** From the start to the first output of a command on one host: what half a second on the way adds, in round trips. */
export async function countRoundTrips(
  folder: string,
  fleet: LoopbackFleet,
  starts: number,
): Promise<{readonly section: Section; readonly drover: number}> {
  const near = fleet.access(1);
  const proxy: DelayProxy = await startDelayProxy(fleet.port, near.hosts, longTripMs);
  try {
    const far = fleet.access(1, {port: proxy.port});
    const programs = [
      {
        name: 'drover run --labels',
        begin: (access: typeof near) => runDrover(folder, access, 'run', '--labels', '--', 'echo', 'here'),
      },
      {
        name: 'ssh',
        begin: ({sshConfig, hosts}: typeof near) => ({
          command: ['ssh', '-F', sshConfig, hosts[0] ?? '', 'echo', 'here'],
          cwd: folder,
          env: {},
        }),
      },
    ];
    const rows = [];
    for (const {name, begin} of programs) {
      const fastest = async (access: typeof near): Promise<number> => {
        let bestMs = Number.POSITIVE_INFINITY;
        for (let start = 0; start < starts; start += 1) bestMs = Math.min(bestMs, await timeFirstOutput(begin(access)));
        return bestMs;
      };
      const [nearMs, farMs] = [await fastest(near), await fastest(far)];
      // The TCP handshake is not late here, and would be.
      rows.push({name, nearMs, farMs, trips: 1 + (farMs - nearMs) / longTripMs});
    }
    return {
      drover: rows[0]?.trips ?? Number.NaN,
      section: {
        title: 'Round trips to the first output',
        columns: [
          {key: 'name', title: 'program'},
          {key: 'nearMs', title: 'near ms'},
          {key: 'farMs', title: `${longTripMs} ms away ms`},
          {key: 'trips', title: 'round trips', digits: 1},
        ],
        rows,
        note: 'The fastest start of each, and one trip more for the TCP handshake, which the proxy does not hold back. drover shows output when the command has ended.',
      },
    };
  } finally {
    proxy.close();
  }
}

function timeFirstOutput({command: [program = '', ...words], cwd, env}: ReturnType<typeof runDrover>): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const child = spawn(program, words, {cwd, env: {...process.env, ...env}, stdio: ['ignore', 'pipe', 'ignore']});
    let tookMs: number | undefined;
    child.stdout.on('data', () => {
      tookMs ??= performance.now() - startedMs;
    });
    child.once('error', reject);
    child.once('close', (status) => {
      if (status === 0 && tookMs !== undefined) resolve(tookMs);
      else reject(new Error(`${program} ended with ${status}`));
    });
  });
}
